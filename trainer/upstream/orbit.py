"""Orbit's Controller, without the line that it prints for each of its steps; Orbit of 2.20.0.

Only what Orbit prints: standard output is the user's, whose `print` and `breakpoint()` must work
while a network trains. Orbit also logs these lines, for --verbosity=0.
"""

import orbit
from orbit import controller

controller.print = lambda line: None

Controller = orbit.Controller
