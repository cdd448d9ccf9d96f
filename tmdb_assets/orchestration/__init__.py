"""When days are loaded by themselves, and who is told: jobs, schedule, sensors, alerts."""
