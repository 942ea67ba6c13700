"""What every vendor sandbox stands on: store, faults, journal of writes, control door. Imports nothing of ours."""
