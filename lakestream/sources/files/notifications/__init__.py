"""Discovery by notification: queues that tell of new files, one module a service.

A message only hints. What it names is looked up in the store, recorded in the ledger, and only
then is the message acknowledged; listings in between find what no message told.
"""
