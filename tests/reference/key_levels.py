"""What the dynamics listen to: the size of each sample of a key."""


def levels(key, link):
    """Of each channel, or with ``link`` the largest of all channels."""
    sizes = [[abs(sample) for sample in channel] for channel in key]
    return [[max(several) for several in zip(*sizes, strict=True)]] if link else sizes
