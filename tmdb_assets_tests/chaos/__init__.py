"""Trials of the real command under faults: `make chaos`, docs/reliability.md.

A trial is one fault on one day: a kill, an outage, a full disk, several commands at once, midnight. The command runs in
its own processes on a real Postgres and a look-alike of the API, while a watcher on another connection looks for
half-loaded days. Then the command runs again without a fault, and every table is compared with that of a faultless run.

- `catalogue`, `api`: the look-alike: films that change every day, and its faults.
- `postgres`: a server of the trials' own. `processes`, `fork_server`: the command on any day.
- `content`, `watcher`: what a run left, and what a reader may never see.
- `ground`, `small_disk`, `trial`: what trials stand on, and how each goes. `faults/`: what is done to it.
- `kinds`, `workers`, `results`, `report`, `__main__`: which faults there are, several trials at once, what came of
  them, docs/reliability.md, the command.
"""
