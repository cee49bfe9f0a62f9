#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <sql/connection.hpp>

#include <base/metric.hpp>
#include <base/result.hpp>

namespace sg::sql {

/// A step of a module's own tables. Steps are never edited once released: a new one is added.
struct Migration {
    std::string module;  ///< "jobs"
    int version = 1;     ///< from 1, without gaps within the module
    std::string script;
};

struct DatabaseOptions {
    std::filesystem::path path;
    std::vector<Migration> migrations;
    std::size_t readers = 4;           ///< connections for read(), made when first needed
    std::size_t max_waiting = 20'000;  ///< writes; more are refused with kLimit
    std::size_t max_batch = 512;       ///< writes in one transaction
};

/// The service's database: one writer thread, which groups what waits into one durable transaction
/// (group commit), and connections for readers, which never wait for it (SQLite in WAL mode).
/// Thread-safe.
class Database {
  public:
    /// Opens or makes the file, brings its tables up to date, each step in a transaction. kMismatch
    /// for a database of a newer StreamGate; kInvalidArgument when another process has it open.
    [[nodiscard]] static Result<std::unique_ptr<Database>> open(DatabaseOptions options,
                                                                Metrics& metrics);
    /// Waits for the writes that were accepted.
    ~Database();

    /// Does its statements on the writer's connection. An error undoes this piece of work and no
    /// other.
    using Work = std::function<Status(Connection&)>;
    /// Called on the writer's thread when the work is durable, or failed; must not block nor throw.
    using Done = std::function<void(Status)>;

    /// Queues a write; returns at once. More than max_waiting are refused with kLimit (by Done).
    /// Either may be empty. Work must not keep the connection.
    void write(Work work, Done done);
    /// Blocks until it is durable. Never on the writer's thread, nor on one that serves requests.
    [[nodiscard]] Status write_now(Work work);

    /// A reader's connection, given back when it goes. What is read by it is one state of the
    /// database, which has every write whose Done was called before read(). Blocks while all are
    /// taken: hold it for one request, never take a second one on the same thread.
    class Reader {
      public:
        Reader(Reader&&) noexcept;
        ~Reader();
        [[nodiscard]] Connection& operator*() const { return *connection_; }
        [[nodiscard]] Connection* operator->() const { return connection_; }

      private:
        friend class Database;
        Reader(Database* owner, Connection* connection);
        Database* owner_;
        Connection* connection_;
    };
    [[nodiscard]] Result<Reader> read();

    /// Called on the writer's thread after each commit, before the batch's Done calls, with the
    /// writer's connection for reading. Set before the first write; an empty one ends it, and waits
    /// for a call that is under way.
    void on_commit(std::function<void(Connection&)> listener);

    /// A consistent copy, while the service goes on (SQLite's online backup). Blocks. Replaces `to`
    /// when all of it is written.
    [[nodiscard]] Status back_up(const std::filesystem::path& to);

    /// Length of the queue of writes.
    [[nodiscard]] std::size_t waiting() const;

  private:
    struct Impl;
    explicit Database(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace sg::sql
