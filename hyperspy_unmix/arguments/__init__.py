"""What users may ask for: options with their defaults, checks of every argument, calls as typed.

Errors name what was given, what is needed and what to do next. Knows the numerics' types only.
"""
