"""Care of all stores: what is too old goes, what belongs to nothing goes, what stays is checked.

`steps.py` lists the steps. Each can fail alone, can be done again, and can be killed at any moment:
what it removes, it removes in transactions that are whole.
"""
