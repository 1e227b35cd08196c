"""Everything here that relies on private parts of TensorFlow and Keras, one file per library.

Each function names the version it was written for. tests/growth/upstream_test.py fails when a
private name has moved, or when the library no longer needs the function.
"""
