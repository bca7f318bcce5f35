"""The SQLite files that oaikit keeps: sweep stores, the chat history, the keys of a server.

A `Database` is one connection to a file whose contents a `Schema` describes. A file is created with mode 0600, and the
files that SQLite keeps beside it get the same mode. It has a write-ahead log where the file system supports one, else a
rollback journal. An older file is upgraded when it is opened. A file that cannot be written can still be read.

Threads: a `Database` starts none. Any thread may use it; a lock lets one thread in at a time. Every call may wait for
the disk, and up to ``timeout_s`` for other processes, so whoever opens one decides on which thread that happens: never
on an event loop. A transaction belongs to the thread that began it. After a fork, the child must open its own.
"""

from oaikit._sqlite.database import Database
from oaikit._sqlite.faults import is_locked
from oaikit._sqlite.schema import Migration, Schema

__all__ = ["Database", "Migration", "Schema", "is_locked"]
