"""Everything in this package that changes, or looks into, other people's code; a file per library.

Each function names the version it was written for and why it is needed. tests/trainer/upstream/
fails when a private name has moved, or when the library no longer needs the function.
growth/upstream/ has what growth needs.
"""
