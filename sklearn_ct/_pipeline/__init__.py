"""`explain` through pipelines, searches, thresholds and calibration."""
