"""What every vendor sandbox stands on: a store, faults, a journal of writes, a control door. Imports nothing of ours."""
