"""What to do about a file that can't be written, by what the system answered."""

import errno

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


def remedy(error: OSError) -> str:
    """What helps."""
    if error.errno in FULL:
        return "free some space"
    if error.errno in FORBIDDEN:
        return "mend its permissions"
    return "mend that"


def reason(error: OSError) -> str:
    """What the system said."""
    return error.strerror or str(error) or type(error).__name__
