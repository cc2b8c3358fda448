"""Fast differentiable recursions: what y[t] owes to y[t-1].

Knows nothing of effects; of use alone.
"""
