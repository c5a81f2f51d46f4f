"""What users hold: `PCA` and `Unmixing`, and how they are applied, put together and loaded.

Thin faces of the records below: every method hands on to one function. Knows all but `interactive`,
`workflow` and `signals`.
"""
