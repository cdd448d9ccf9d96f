"""When days are loaded automatically, and what is reported: jobs, schedules, sensors, gaps and alerts."""
