-- A sweep store of the first release.
PRAGMA journal_mode = WAL;
PRAGMA application_id = 1868654955;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE asked (
    sweep TEXT, cell INTEGER, item INTEGER, request TEXT, executions INTEGER, PRIMARY KEY (sweep, cell, item)
) WITHOUT ROWID;
INSERT INTO "asked" VALUES('s',0,0,'a',4);
INSERT INTO "asked" VALUES('s',0,1,'b',1);
CREATE TABLE requests (request TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO "requests" VALUES('a','{"x":1}');
INSERT INTO "requests" VALUES('b','{"x":2}');
CREATE TABLE results (
    request TEXT, replicate INTEGER, run TEXT, text TEXT, finish_reason TEXT, prompt_tokens INTEGER,
    completion_tokens INTEGER, latency_s REAL, ttft_s REAL, mean_logprob REAL, error TEXT, reasoning TEXT,
    tool_calls TEXT, PRIMARY KEY (request, replicate)
) WITHOUT ROWID;
INSERT INTO "results" VALUES('a',0,'r','one
''two'' ü','stop',2,10,0.5,0.1,-0.25,NULL,NULL,NULL);
INSERT INTO "results" VALUES('a',1,'r',NULL,NULL,NULL,NULL,NULL,NULL,NULL,'no',NULL,NULL);
INSERT INTO "results" VALUES('b',0,'r','',NULL,NULL,NULL,NULL,NULL,NULL,NULL,'hm','[]');
CREATE TABLE runs (run TEXT PRIMARY KEY, sweep TEXT, began REAL, ended REAL, provenance TEXT);
INSERT INTO "runs" VALUES('r','s',1.79582936262831497188e+09,1.7958293626286275387e+09,'{"by": "main"}');
CREATE TABLE scores (
    request TEXT, replicate INTEGER, scorer TEXT, context TEXT, score REAL,
    PRIMARY KEY (scorer, context, request, replicate)
) WITHOUT ROWID;
INSERT INTO "scores" VALUES('a',0,'exact','eight',NULL);
INSERT INTO "scores" VALUES('a',0,'exact','seven',1.0);
CREATE TABLE sweeps (sweep TEXT PRIMARY KEY, spec TEXT NOT NULL, used REAL) WITHOUT ROWID;
INSERT INTO "sweeps" VALUES('s','{"cells": [{}], "items": [{"id": 0, "data": {}}]}',1.79582936262837266922e+09);
CREATE TABLE trials (tuning TEXT, number INTEGER, point TEXT, value REAL, PRIMARY KEY (tuning, number)) WITHOUT ROWID;
INSERT INTO "trials" VALUES('t',0,'{"temperature": 0.5}',0.75);
INSERT INTO "trials" VALUES('t',1,'{"temperature": 1.5}',NULL);
COMMIT;
