"""Operations: exceptions, approvals, bindings, due work and audit, for people and for the processes alike."""
