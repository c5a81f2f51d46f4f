"""How sure components are: stability, errors of the mixing, noise of maps, ambiguity.

Knows `separation` and what lies below it; nothing here changes a component.
"""
