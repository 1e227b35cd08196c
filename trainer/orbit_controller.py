"""Orbit's Controller, without the line that it prints for each of its steps."""

import orbit
from orbit import controller

# Only what Orbit prints: standard output is the user's, whose `print` and `breakpoint()` must work
# while a network trains. Orbit also logs these lines, for --verbosity=0.
controller.print = lambda line: None

Controller = orbit.Controller
