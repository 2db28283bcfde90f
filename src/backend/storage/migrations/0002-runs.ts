import type { WritableDb } from '../open.ts'

/** Runs, the journal of their stages, and everything stages leave behind. */
export function runs(db: WritableDb): void {
  db.exec(`
    CREATE TABLE runs (
      position INTEGER PRIMARY KEY AUTOINCREMENT,
      id TEXT NOT NULL UNIQUE, -- slug, also the folder below runs/
      name TEXT NOT NULL,
      method TEXT NOT NULL, -- key in tables
      recipe TEXT NOT NULL, -- name of the recipe
      group_name TEXT,
      -- queued or running with a dead owner is shown as interrupted; nobody need write that
      status TEXT NOT NULL CHECK (status IN ('queued', 'running', 'paused', 'interrupted', 'done', 'failed', 'cancelled')),
      round INTEGER NOT NULL DEFAULT 0,
      rounds INTEGER NOT NULL,
      seed INTEGER NOT NULL,
      base_model TEXT NOT NULL, -- as the recipe names it
      model_path TEXT, -- newest policy, relative to the workspace
      engine TEXT NOT NULL,
      threads INTEGER NOT NULL,
      yaml TEXT NOT NULL, -- as given
      settings TEXT NOT NULL, -- JSON of the Recipe with all defaults filled in
      created_at TEXT NOT NULL,
      started_at TEXT,
      ended_at TEXT,
      error TEXT,
      notes TEXT NOT NULL DEFAULT '',
      -- The lease: who works on the run. attempt rises with every owner, so that an owner who lost it cannot write.
      owner_pid INTEGER,
      owner_started TEXT, -- start time of that process: pids are used again
      owner_machine TEXT,
      lease_until INTEGER NOT NULL DEFAULT 0, -- milliseconds since 1970
      attempt INTEGER NOT NULL DEFAULT 0,
      requested TEXT CHECK (requested IN ('pause', 'cancel')) -- read by the owner every second
    ) STRICT;
    CREATE INDEX runs_of_group ON runs(group_name) WHERE group_name IS NOT NULL;

    CREATE TABLE run_stages (
      position INTEGER PRIMARY KEY AUTOINCREMENT,
      run_id TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
      key TEXT NOT NULL, -- warm-start/train, round-1/sample …
      kind TEXT NOT NULL CHECK (kind IN ('sample', 'train', 'reward', 'evaluate')),
      round INTEGER NOT NULL, -- -1 the base, 0 the warm start
      status TEXT NOT NULL CHECK (status IN ('running', 'done')),
      starts_from TEXT, -- name of a policy
      input_hash TEXT NOT NULL, -- of everything the result depends on but what computes it
      computed_by TEXT NOT NULL, -- engine, its version, threads
      result TEXT, -- JSON; what the replay answers with
      counts TEXT NOT NULL DEFAULT '{}', -- JSON of StageCounts, for the fairness ledger
      summary TEXT NOT NULL DEFAULT '{}', -- JSON, shown
      started_at TEXT NOT NULL,
      ended_at TEXT,
      seconds REAL NOT NULL DEFAULT 0, -- work, interruptions left out
      reused_from TEXT, -- id of the run that computed it
      UNIQUE (run_id, key)
    ) STRICT;
    CREATE INDEX run_stages_by_input ON run_stages(input_hash, computed_by) WHERE status = 'done';

    CREATE TABLE run_metrics (
      position INTEGER PRIMARY KEY AUTOINCREMENT,
      run_id TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
      stage TEXT NOT NULL,
      step INTEGER NOT NULL,
      row TEXT NOT NULL, -- JSON object under TRL's names
      details TEXT NOT NULL, -- JSON of StepDetails: margins per pair
      UNIQUE (run_id, stage, step)
    ) STRICT;

    CREATE TABLE run_samples (
      run_id TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
      stage TEXT NOT NULL,
      idx INTEGER NOT NULL, -- prompt index x n + sample index
      row TEXT NOT NULL, -- JSON of StoredSample
      conversation_id TEXT,
      reward REAL,
      PRIMARY KEY (run_id, stage, idx)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX run_samples_of_conversation ON run_samples(conversation_id) WHERE conversation_id IS NOT NULL;

    CREATE TABLE run_evaluations (
      run_id TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
      round INTEGER NOT NULL,
      dataset TEXT NOT NULL,
      temperature REAL NOT NULL,
      prompt_index INTEGER NOT NULL,
      sample_index INTEGER NOT NULL,
      seed INTEGER NOT NULL, -- of the run
      text TEXT NOT NULL,
      score REAL NOT NULL,
      reward REAL NOT NULL,
      pass INTEGER NOT NULL,
      checks TEXT NOT NULL, -- JSON object
      items TEXT NOT NULL, -- JSON list
      solution_size INTEGER,
      tokens INTEGER NOT NULL,
      entropy REAL NOT NULL,
      finish_reason TEXT NOT NULL,
      PRIMARY KEY (run_id, round, dataset, temperature, prompt_index, sample_index)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE run_heldout (
      run_id TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
      round INTEGER NOT NULL,
      dataset TEXT NOT NULL,
      pair_index INTEGER NOT NULL,
      margin REAL NOT NULL, -- beta x (log-ratio of the policy minus that of the base)
      PRIMARY KEY (run_id, round, dataset, pair_index)
    ) STRICT, WITHOUT ROWID;

    -- What a round trained on, where its rows carry a task that a program verifies.
    CREATE TABLE run_pairs (
      run_id TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
      round INTEGER NOT NULL,
      pairs INTEGER NOT NULL,
      chosen_score REAL,
      rejected_score REAL,
      pair_accuracy REAL, -- ties left out
      PRIMARY KEY (run_id, round)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE run_log (
      position INTEGER PRIMARY KEY AUTOINCREMENT,
      run_id TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
      time TEXT NOT NULL,
      level TEXT NOT NULL CHECK (level IN ('info', 'warning', 'error')),
      text TEXT NOT NULL
    ) STRICT;
    CREATE INDEX run_log_of_run ON run_log(run_id);

    -- Log-probabilities and rewards, in pieces: key is a hash of weights, token ids and what computed them.
    CREATE TABLE scored_chunks (
      key TEXT NOT NULL,
      start INTEGER NOT NULL,
      figures BLOB NOT NULL, -- float64, little-endian
      PRIMARY KEY (key, start)
    ) STRICT, WITHOUT ROWID;

    -- Hashing gigabytes is slow: a file of the same size and time is the same file.
    CREATE TABLE file_hashes (
      path TEXT PRIMARY KEY,
      size INTEGER NOT NULL,
      modified_ns TEXT NOT NULL,
      hash TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
  `)
}
