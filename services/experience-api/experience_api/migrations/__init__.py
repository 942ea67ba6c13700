"""The tables of the experience API: copies of sections and the event-fed view. Both can be made anew."""
