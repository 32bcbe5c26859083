"""Tests of serving. Imported here first, so that Ray Serve is set up before any of these modules imports it."""

import magnet_ray.serving  # noqa: F401
