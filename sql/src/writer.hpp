#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include <sql/database.hpp>

#include <base/metric.hpp>

#include "sqlite_connection.hpp"

namespace sg::sql {

/// The thread that writes: takes what waits, does it in one transaction, each piece in a savepoint,
/// and syncs once.
class Writer {
  public:
    Writer(std::unique_ptr<SqliteConnection> connection,
           const DatabaseOptions& options,
           Metrics& metrics);
    /// Does what was accepted before.
    ~Writer();
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

    void write(Database::Work work, Database::Done done);
    void on_commit(std::function<void(Connection&)> listener);
    [[nodiscard]] std::size_t waiting() const;

  private:
    struct Piece {
        Database::Work work;
        Database::Done done;
        std::optional<Status> outcome;
    };
    void run();
    void do_batch(std::vector<Piece>& batch);
    void do_piece(Piece& piece);
    [[nodiscard]] Status do_pieces(std::vector<Piece>& batch);
    [[nodiscard]] Status commit();
    void keep_small();

    std::unique_ptr<SqliteConnection> connection_;
    const std::size_t max_waiting_;
    const std::size_t max_batch_;
    Histogram seconds_;
    Histogram batch_size_;
    Gauge queued_;
    int log_pages_ = 0;  // of the write-ahead log, after the last commit

    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<Piece> queue_;
    std::vector<Database::Done> refused_;
    bool ending_ = false;

    std::mutex listener_mutex_;  // held while the listener is called
    std::function<void(Connection&)> listener_;

    std::thread thread_;  // last: uses all of the above
};

}  // namespace sg::sql
