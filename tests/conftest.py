"""What all tests share: hypothesis without a clock."""

from hypothesis import HealthCheck, settings

# How long it takes is about the machine: on one that many share it would fail tests for no reason of ours.
settings.register_profile("pipeline", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("pipeline")
