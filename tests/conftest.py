"""Hypothesis without a clock or a dice: machines are shared, and what fails here must fail there"""

from hypothesis import settings

settings.register_profile("here", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("here")
