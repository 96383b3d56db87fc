"""Imported first by a script: Ctrl+C while the rest is imported ends the program at once, without a word

Python answers Ctrl+C with an exception wherever it is. In the middle of somebody's import that becomes a long
traceback, or is dropped and the program goes on. As long as nothing is there to be saved, to end is what is meant;
`perpart.errors.told` takes over.
"""

import signal

# Where the parent ignores Ctrl+C, as `nohup` and shells do for what runs behind, it stays ignored.
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
