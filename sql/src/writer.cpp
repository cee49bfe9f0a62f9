#include "writer.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <string>
#include <utility>

#include <pthread.h>

#include <fmt/format.h>

#include <base/log.hpp>

namespace sg::sql {
namespace {

// Pages of 4 KiB in the write-ahead log. From 16 MiB on what readers do not need is moved into the
// database; past 128 MiB, when readers that overlap kept the log from starting anew, they are
// waited for.
constexpr int kCheckpointPages = 4'096;
constexpr int kTruncatePages = 32'768;
constexpr int kTruncateWaitMs = 200;
constexpr int kBusyMs = 5'000;

// A quarter of the file is free: some of it goes back to the disk, a few milliseconds at a time.
constexpr std::int64_t kFreePagesKept = 4'096;
constexpr int kFreePagesAtOnce = 512;

}  // namespace

Writer::Writer(std::unique_ptr<SqliteConnection> connection,
               const DatabaseOptions& options,
               Metrics& metrics)
    : connection_(std::move(connection)),
      max_waiting_(options.max_waiting),
      max_batch_(std::max<std::size_t>(options.max_batch, 1)),
      seconds_(metrics.histogram("streamgate_store_write_seconds",
                                 "Time of one durable transaction of the database.",
                                 {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5})),
      batch_size_(metrics.histogram("streamgate_store_batch_size",
                                    "Writes that shared one transaction of the database.",
                                    {1, 2, 4, 8, 16, 32, 64, 128, 256, 512})),
      queued_(
          metrics.gauge("streamgate_store_queue_length", "Writes that wait for the database.")) {
    sqlite3_wal_hook(
        connection_->handle(),
        [](void* self, sqlite3*, const char*, int pages) {
            static_cast<Writer*>(self)->log_pages_ = pages;
            return SQLITE_OK;
        },
        this);
    thread_ = std::thread([this] {
        ::pthread_setname_np(::pthread_self(), "store");
        run();
    });
}

Writer::~Writer() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    wake_.notify_all();
    thread_.join();
}

void Writer::write(Database::Work work, Database::Done done) {
    {
        const std::lock_guard lock(mutex_);
        if (queue_.size() < max_waiting_)
            queue_.push_back({std::move(work), std::move(done), std::nullopt});
        else
            refused_.push_back(std::move(done));
    }
    wake_.notify_one();
}

void Writer::on_commit(std::function<void(Connection&)> listener) {
    const std::lock_guard lock(listener_mutex_);
    listener_ = std::move(listener);
}

std::size_t Writer::waiting() const {
    const std::lock_guard lock(mutex_);
    return queue_.size();
}

void Writer::run() {
    std::vector<Piece> batch;
    std::vector<Database::Done> refused;
    for (;;) {
        {
            std::unique_lock lock(mutex_);
            wake_.wait(lock, [&] { return ending_ || !queue_.empty() || !refused_.empty(); });
            if (queue_.empty() && refused_.empty()) return;
            const auto count = std::min(queue_.size(), max_batch_);
            for (std::size_t i = 0; i < count; ++i) {
                batch.push_back(std::move(queue_.front()));
                queue_.pop_front();
            }
            refused.swap(refused_);
            queued_.set(static_cast<double>(queue_.size()));
        }
        if (!batch.empty()) do_batch(batch);
        batch.clear();
        for (const auto& done : refused)
            if (done)
                done(Error{Errc::kLimit,
                           fmt::format("write to the database: {} writes wait already; try again "
                                       "in a moment",
                                       max_waiting_)});
        refused.clear();
        keep_small();
    }
}

void Writer::do_batch(std::vector<Piece>& batch) {
    const auto start = std::chrono::steady_clock::now();
    if (auto begun = connection_->script("BEGIN IMMEDIATE"); !begun) {
        for (auto& piece : batch) piece.outcome = begun.error();
    } else {
        auto committed = do_pieces(batch);
        if (committed) committed = commit();
        if (!committed) {
            // What failed by itself keeps its own words.
            for (auto& piece : batch)
                if (!piece.outcome || *piece.outcome) piece.outcome = committed.error();
            log::warn("store_write_failed {}", committed.error().message);
        } else {
            const std::lock_guard lock(listener_mutex_);
            if (listener_) listener_(*connection_);
        }
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    seconds_.observe(took.count());
    batch_size_.observe(static_cast<double>(batch.size()));
    for (auto& piece : batch)
        if (piece.done) piece.done(std::move(*piece.outcome));
}

/// Fails when a piece took all of the transaction along: a full disk, a read error.
Status Writer::do_pieces(std::vector<Piece>& batch) {
    for (auto& piece : batch) {
        do_piece(piece);
        if (connection_->in_transaction()) continue;
        if (!*piece.outcome) return piece.outcome->error();
        return Error{Errc::kIo, "write to the database: the transaction was undone"};
    }
    return {};
}

void Writer::do_piece(Piece& piece) {
    if (!piece.work) {
        piece.outcome = Status{};
        return;
    }
    if (auto begun = connection_->run("SAVEPOINT piece"); !begun) {
        piece.outcome = begun.error();
        return;
    }
    try {
        piece.outcome = piece.work(*connection_);
    } catch (const std::exception& failure) {
        piece.outcome =
            Error{Errc::kInternal, std::string("write to the database: ") + failure.what()};
    }
    if (!connection_->in_transaction()) return;
    if (!*piece.outcome) {
        // A failure to undo leaves the transaction in doubt: commit() must not go through.
        if (!connection_->run("ROLLBACK TO piece")) (void)connection_->script("ROLLBACK");
        if (!connection_->in_transaction()) return;
    }
    if (auto released = connection_->run("RELEASE piece"); !released)
        piece.outcome = released.error();
}

Status Writer::commit() {
    auto committed = connection_->run("COMMIT");
    if (committed) return {};
    if (connection_->in_transaction()) (void)connection_->script("ROLLBACK");
    return committed.error();
}

void Writer::keep_small() {
    if (log_pages_ < kCheckpointPages) return;
    auto* handle = connection_->handle();
    const bool truncate = log_pages_ >= kTruncatePages;
    if (truncate) sqlite3_busy_timeout(handle, kTruncateWaitMs);
    int left = 0;
    int moved = 0;
    const int code =
        sqlite3_wal_checkpoint_v2(handle,
                                  nullptr,
                                  truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE,
                                  &left,
                                  &moved);
    if (truncate) sqlite3_busy_timeout(handle, kBusyMs);
    // Nothing is lost by a failure: the log is the database as well.
    if (code != SQLITE_OK && (code & 0xff) != SQLITE_BUSY)
        log::warn("store_checkpoint_failed {}", connection_->error_of(code, "checkpoint").message);
    log_pages_ = 0;

    std::int64_t free_pages = 0;
    std::int64_t pages = 0;
    const auto one = [](std::int64_t& into) {
        return [&into](const Row& row) -> Status {
            into = row.integer(0);
            return {};
        };
    };
    if (!connection_->query("PRAGMA freelist_count", {}, one(free_pages)) ||
        !connection_->query("PRAGMA page_count", {}, one(pages)))
        return;
    if (free_pages < kFreePagesKept || free_pages < pages / 4) return;
    if (auto given =
            connection_->script(fmt::format("PRAGMA incremental_vacuum({})", kFreePagesAtOnce));
        !given)
        log::warn("store_vacuum_failed {}", given.error().message);
}

}  // namespace sg::sql
