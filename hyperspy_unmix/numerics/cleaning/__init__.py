"""Values that cannot be counts: spikes, dead, hot and emptied channels.

They are found against the local noise of the first pass; what stands in their place is put there as
the counts are read. Knows `noise` and `reading`.
"""
