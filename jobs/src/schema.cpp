#include <jobs/job_table.hpp>

// Which statement an index serves stands beside it. Two things are SQLite's own and go for
// PostgreSQL: WITHOUT ROWID, and INTEGER for what is BIGINT there.

namespace sg::jobs {
namespace {

constexpr const char* kJobs = R"sql(
-- Numbers that never repeat, and commit in order: a sequence would promise neither.
CREATE TABLE job_counters(name TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL);
INSERT INTO job_counters VALUES ('job', 0), ('event', 0), ('lease', 0), ('speed', 0);

-- Counted as jobs move, since counting a hundred thousand takes too long for a scrape.
CREATE TABLE job_totals(state TEXT NOT NULL PRIMARY KEY, jobs INTEGER NOT NULL);
INSERT INTO job_totals VALUES ('accepted', 0), ('queued', 0), ('planning', 0), ('running', 0),
  ('verifying', 0), ('publishing', 0), ('succeeded', 0), ('failed', 0), ('cancelled', 0);
-- Jobs of an owner that have not ended.
CREATE TABLE job_owners(owner TEXT NOT NULL PRIMARY KEY, open INTEGER NOT NULL);

-- What changes; kept small, since each change writes the row anew.
CREATE TABLE jobs(
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  owner TEXT NOT NULL,
  preset TEXT NOT NULL,
  external_id TEXT NOT NULL,
  priority INTEGER NOT NULL,
  deadline INTEGER NOT NULL,            -- 9223372036854775807: none
  state TEXT NOT NULL,
  reason TEXT NOT NULL,
  message TEXT NOT NULL,
  retry_class TEXT NOT NULL,
  created INTEGER NOT NULL,
  clock_high INTEGER NOT NULL,          -- highest created so far: grows with seq, whatever the clock
  entered_accepted INTEGER NOT NULL DEFAULT 0,
  entered_queued INTEGER NOT NULL DEFAULT 0,
  entered_planning INTEGER NOT NULL DEFAULT 0,
  entered_running INTEGER NOT NULL DEFAULT 0,
  entered_verifying INTEGER NOT NULL DEFAULT 0,
  entered_publishing INTEGER NOT NULL DEFAULT 0,
  entered_succeeded INTEGER NOT NULL DEFAULT 0,
  entered_failed INTEGER NOT NULL DEFAULT 0,
  entered_cancelled INTEGER NOT NULL DEFAULT 0,
  ready INTEGER NOT NULL,               -- 1: queued and not held back
  waiting_since INTEGER NOT NULL,       -- place in the queue, kept when a lost job comes back
  not_before INTEGER NOT NULL DEFAULT 0, -- over 0: queued and held back till then
  ended_at INTEGER NOT NULL DEFAULT 0,
  attempt INTEGER NOT NULL DEFAULT 0,
  losses INTEGER NOT NULL DEFAULT 0,    -- leases lost in a row without a finished task
  cancel_requested INTEGER NOT NULL DEFAULT 0,
  expected_s REAL NOT NULL,
  percent REAL NOT NULL DEFAULT 0,
  worker TEXT NOT NULL DEFAULT '',
  lease_token INTEGER,
  lease_until INTEGER NOT NULL DEFAULT 0,
  version INTEGER NOT NULL DEFAULT 1,
  outputs_bytes INTEGER NOT NULL DEFAULT 0,
  outputs_deleted INTEGER NOT NULL DEFAULT 0
);
-- list_jobs
CREATE INDEX jobs_by_owner ON jobs(owner, seq);
CREATE INDEX jobs_by_state ON jobs(state, seq);
CREATE INDEX jobs_by_owner_state ON jobs(owner, state, seq);
CREATE INDEX jobs_by_external_id ON jobs(external_id, seq) WHERE external_id <> '';
CREATE INDEX jobs_by_time ON jobs(clock_high);
CREATE INDEX jobs_clock_steps ON jobs(clock_high - created) WHERE clock_high > created;
-- candidates. Not by state = 'queued': the planner would take the index above.
CREATE INDEX jobs_queue ON jobs(owner, priority, deadline, waiting_since, seq) WHERE ready = 1;
-- queue_position, queue_totals: read without the rows, and so with all that is asked for.
CREATE INDEX jobs_order ON jobs(priority, deadline, waiting_since, seq, expected_s, ready)
  WHERE ready = 1;
CREATE INDEX jobs_held ON jobs(not_before, expected_s) WHERE not_before > 0;
-- renew_leases, expire_leases
CREATE UNIQUE INDEX jobs_leases ON jobs(lease_token) WHERE lease_token IS NOT NULL;
CREATE INDEX jobs_lease_ends ON jobs(lease_until) WHERE lease_token IS NOT NULL;
-- purge_jobs
CREATE INDEX jobs_ended ON jobs(ended_at) WHERE ended_at > 0;

-- What does not change, but for the result.
CREATE TABLE job_documents(
  job INTEGER PRIMARY KEY REFERENCES jobs(seq) ON DELETE CASCADE,
  document TEXT NOT NULL,
  tags TEXT NOT NULL,
  traceparent TEXT NOT NULL,
  result TEXT NOT NULL
);
CREATE TABLE job_tags(
  name TEXT NOT NULL, value TEXT NOT NULL, job INTEGER NOT NULL,
  PRIMARY KEY (name, value, job)
) WITHOUT ROWID;
CREATE TABLE job_attempts(
  job INTEGER NOT NULL REFERENCES jobs(seq) ON DELETE CASCADE,
  number INTEGER NOT NULL,
  worker TEXT NOT NULL,
  started INTEGER NOT NULL,
  ended INTEGER NOT NULL DEFAULT 0,
  outcome TEXT NOT NULL DEFAULT '',
  code TEXT NOT NULL DEFAULT '',
  message TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (job, number)
) WITHOUT ROWID;
CREATE TABLE job_tasks(
  job INTEGER NOT NULL REFERENCES jobs(seq) ON DELETE CASCADE,
  input INTEGER NOT NULL,
  name TEXT NOT NULL,
  state TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  worker TEXT NOT NULL,
  started INTEGER NOT NULL,
  ended INTEGER NOT NULL,
  expected_s REAL NOT NULL,
  media_s REAL NOT NULL,
  speed REAL NOT NULL,
  percent REAL NOT NULL,
  code TEXT NOT NULL,
  message TEXT NOT NULL,
  PRIMARY KEY (job, input, name)
) WITHOUT ROWID;

CREATE TABLE job_events(
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  time INTEGER NOT NULL,
  type TEXT NOT NULL,
  subject TEXT NOT NULL,
  owner TEXT NOT NULL,
  version INTEGER NOT NULL,
  data TEXT NOT NULL
);
CREATE INDEX job_events_by_owner ON job_events(owner, seq);
CREATE INDEX job_events_by_subject ON job_events(subject, seq);

CREATE TABLE job_speeds(
  seq INTEGER PRIMARY KEY,
  codec TEXT NOT NULL,
  speed_preset TEXT NOT NULL,
  height INTEGER NOT NULL,
  speed REAL NOT NULL,
  measured INTEGER NOT NULL
);
CREATE INDEX job_speeds_alike ON job_speeds(codec, speed_preset, height, seq);

CREATE TABLE job_requests(
  owner TEXT NOT NULL,
  key TEXT NOT NULL,
  digest TEXT NOT NULL,
  started INTEGER NOT NULL,
  status INTEGER NOT NULL DEFAULT 0,    -- 0: still being worked on
  job TEXT NOT NULL DEFAULT '',
  body TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (owner, key)
);
CREATE INDEX job_requests_by_age ON job_requests(started);

CREATE TABLE job_presets(
  owner TEXT NOT NULL,
  name TEXT NOT NULL,
  version INTEGER NOT NULL,
  yaml TEXT NOT NULL,
  digest TEXT NOT NULL,
  created INTEGER NOT NULL,
  PRIMARY KEY (owner, name, version)
);
)sql";

}  // namespace

std::vector<sql::Migration> migrations() {
    return {{"jobs", 1, kJobs}};
}

}  // namespace sg::jobs
