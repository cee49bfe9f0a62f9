#include <api/webhooks.hpp>

namespace sg::api {
namespace {

constexpr const char* kWebhooks = R"sql(
CREATE TABLE webhook_endpoints(
  id TEXT NOT NULL PRIMARY KEY,
  owner TEXT NOT NULL,
  kind TEXT NOT NULL,
  url TEXT NOT NULL,
  description TEXT NOT NULL,
  types TEXT NOT NULL,                  -- patterns, separated by commas
  all_owners INTEGER NOT NULL,
  secret TEXT NOT NULL,                 -- sealed
  old_secret TEXT NOT NULL,
  old_until INTEGER NOT NULL,
  enabled INTEGER NOT NULL,
  disabled_reason TEXT NOT NULL,
  from_seq INTEGER NOT NULL,
  failures INTEGER NOT NULL DEFAULT 0,
  last_status INTEGER NOT NULL DEFAULT 0,
  last_error TEXT NOT NULL DEFAULT '',
  last_at INTEGER NOT NULL DEFAULT 0,
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  version INTEGER NOT NULL
);
CREATE INDEX webhook_endpoints_by_owner ON webhook_endpoints(owner, kind, id);
CREATE UNIQUE INDEX webhook_notify_addresses ON webhook_endpoints(owner, url)
  WHERE kind = 'notify';

CREATE TABLE webhook_secrets(
  owner TEXT NOT NULL PRIMARY KEY,
  secret TEXT NOT NULL,
  old_secret TEXT NOT NULL,
  old_until INTEGER NOT NULL
);

CREATE TABLE webhook_deliveries(
  id TEXT NOT NULL PRIMARY KEY,
  endpoint TEXT NOT NULL REFERENCES webhook_endpoints(id) ON DELETE CASCADE,
  seq INTEGER NOT NULL,
  event_id TEXT NOT NULL,
  event_time INTEGER NOT NULL,
  type TEXT NOT NULL,
  subject TEXT NOT NULL,
  body TEXT NOT NULL,
  state TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  created INTEGER NOT NULL,
  next_at INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  status INTEGER NOT NULL,
  error TEXT NOT NULL,
  took_ms INTEGER NOT NULL
);
CREATE UNIQUE INDEX webhook_deliveries_once ON webhook_deliveries(endpoint, event_id);
CREATE INDEX webhook_deliveries_by_id ON webhook_deliveries(endpoint, id);
-- due_deliveries, next_due, endpoints_with_work
CREATE INDEX webhook_deliveries_due ON webhook_deliveries(endpoint, next_at, seq)
  WHERE state = 'waiting';
-- the next of a subject
CREATE INDEX webhook_deliveries_open ON webhook_deliveries(endpoint, subject, seq, id)
  WHERE state IN ('waiting', 'blocked');
-- lists by state, replay
CREATE INDEX webhook_deliveries_by_state ON webhook_deliveries(endpoint, state, id);
-- purge_deliveries, count_deliveries
CREATE INDEX webhook_deliveries_ended ON webhook_deliveries(state, last_at);

CREATE TABLE webhook_cursor(one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL);
INSERT INTO webhook_cursor VALUES (1, -1);
)sql";

}  // namespace

std::vector<sql::Migration> webhook_migrations() {
    return {{"api.webhooks", 1, kWebhooks}};
}

}  // namespace sg::api
