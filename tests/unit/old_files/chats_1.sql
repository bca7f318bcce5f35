-- The chat history of the first release, from before it had an application_id.
PRAGMA journal_mode = WAL;
PRAGMA application_id = 0;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE conversations (
    id TEXT PRIMARY KEY, title TEXT NOT NULL, created REAL NOT NULL, updated REAL NOT NULL,
    leaf TEXT, settings TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO "conversations" VALUES('1','Sums',1.79582936249344849582e+09,1.79582936249344849582e+09,'2b3d31e6f8874f52b040be71fd63eed8','{"params": {"temperature": 0.2}}');
CREATE TABLE nodes (
    conversation TEXT NOT NULL, id TEXT NOT NULL, parent TEXT, role TEXT NOT NULL, message TEXT NOT NULL,
    created REAL NOT NULL, info TEXT NOT NULL,
    PRIMARY KEY (conversation, id)
);
INSERT INTO "nodes" VALUES('1','ecfc0fc7a2d54b87981c5a147687088e',NULL,'system','{"role": "system", "content": "Be terse."}',1.79582936249336981779e+09,'{}');
INSERT INTO "nodes" VALUES('1','0a1411f3c2b0497f80162c07ebb9d8a4','ecfc0fc7a2d54b87981c5a147687088e','user','{"role": "user", "content": "1 + 1?"}',1.79582936249338817593e+09,'{}');
INSERT INTO "nodes" VALUES('1','e01b3a4596b7476cb78a71b5d71f001b','0a1411f3c2b0497f80162c07ebb9d8a4','assistant','{"role": "assistant", "content": "3 \ud83d"}',1.79582936249340105062e+09,'{"numbers": {"ttft_s": 0.1}}');
INSERT INTO "nodes" VALUES('1','2b3d31e6f8874f52b040be71fd63eed8','0a1411f3c2b0497f80162c07ebb9d8a4','assistant','{"role": "assistant", "content": "2"}',1.79582936249341678616e+09,'{"model": "tiny"}');
CREATE INDEX conversations_by_time ON conversations (updated);
COMMIT;
