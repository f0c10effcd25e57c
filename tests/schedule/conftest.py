"""What the schedule's tests share: zones with unusual clocks, and hypothesis without a deadline."""

from hypothesis import settings

# Two cores are shared by many; a deadline would fail on a busy machine for no reason of ours.
settings.register_profile("pipeline", deadline=None)
settings.load_profile("pipeline")
