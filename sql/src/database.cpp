#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <future>
#include <mutex>
#include <utility>

#include <fcntl.h>

#include <fmt/format.h>
#include <sql/database.hpp>

#include <base/file.hpp>

#include "file_owner.hpp"
#include "migrations.hpp"
#include "sqlite_connection.hpp"
#include "writer.hpp"

namespace sg::sql {

struct Database::Impl {
    struct Slot {
        std::unique_ptr<SqliteConnection> connection;
        std::chrono::steady_clock::time_point taken;
    };

    DatabaseOptions options;
    UniqueFd ownership;  // dropped last
    Histogram read_seconds;

    std::mutex mutex;
    std::condition_variable freed;
    std::vector<std::unique_ptr<Slot>> idle;
    std::vector<std::unique_ptr<Slot>> taken;

    std::unique_ptr<Writer> writer;  // ends first

    Result<Connection*> take();
    void give_back(Connection* connection);
};

Result<Connection*> Database::Impl::take() {
    std::unique_lock lock(mutex);
    const auto most = std::max<std::size_t>(options.readers, 1);
    freed.wait(lock, [&] { return !idle.empty() || taken.size() < most; });
    std::unique_ptr<Slot> slot;
    if (!idle.empty()) {
        slot = std::move(idle.back());
        idle.pop_back();
    } else {
        SG_TRY_ASSIGN(auto connection,
                      SqliteConnection::open(options.path, SqliteConnection::Mode::kRead));
        slot = std::make_unique<Slot>();
        slot->connection = std::move(connection);
    }
    // The state is chosen by the first read after this.
    if (auto begun = slot->connection->run("BEGIN"); !begun) {
        freed.notify_one();
        return std::move(begun).error();
    }
    slot->taken = std::chrono::steady_clock::now();
    auto* connection = slot->connection.get();
    taken.push_back(std::move(slot));
    return connection;
}

void Database::Impl::give_back(Connection* connection) {
    const std::lock_guard lock(mutex);
    const auto found = std::find_if(taken.begin(), taken.end(), [&](const auto& slot) {
        return slot->connection.get() == connection;
    });
    auto slot = std::move(*found);
    taken.erase(found);
    const std::chrono::duration<double> held = std::chrono::steady_clock::now() - slot->taken;
    read_seconds.observe(held.count());
    // One that cannot end its transaction would read old rows for ever: the next reader opens anew.
    if (!slot->connection->in_transaction() || slot->connection->run("COMMIT"))
        idle.push_back(std::move(slot));
    freed.notify_one();
}

Result<std::unique_ptr<Database>> Database::open(DatabaseOptions options, Metrics& metrics) {
    if (const auto folder = options.path.parent_path(); !folder.empty())
        SG_TRY(make_folders(folder));
    auto impl = std::make_unique<Impl>();
    impl->options = std::move(options);
    SG_TRY_ASSIGN(impl->ownership, own_file(impl->options.path));
    SG_TRY_ASSIGN(auto connection,
                  SqliteConnection::open(impl->options.path, SqliteConnection::Mode::kCreate));
    SG_TRY(migrate(*connection, impl->options.migrations));
    impl->read_seconds =
        metrics.histogram("streamgate_store_read_seconds",
                          "Time a reader had its connection to the database.",
                          {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.01, 0.05, 0.25, 1});
    impl->writer = std::make_unique<Writer>(std::move(connection), impl->options, metrics);
    return std::unique_ptr<Database>(new Database(std::move(impl)));
}

Database::Database(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Database::~Database() = default;

void Database::write(Work work, Done done) {
    impl_->writer->write(std::move(work), std::move(done));
}

Status Database::write_now(Work work) {
    std::promise<Status> promise;
    auto outcome = promise.get_future();
    write(std::move(work), [&promise](Status status) { promise.set_value(std::move(status)); });
    return outcome.get();
}

Result<Database::Reader> Database::read() {
    SG_TRY_ASSIGN(auto* connection, impl_->take());
    return Reader(this, connection);
}

Database::Reader::Reader(Database* owner, Connection* connection)
    : owner_(owner), connection_(connection) {}
Database::Reader::Reader(Reader&& other) noexcept
    : owner_(std::exchange(other.owner_, nullptr)), connection_(other.connection_) {}
Database::Reader::~Reader() {
    if (owner_ != nullptr) owner_->impl_->give_back(connection_);
}

void Database::on_commit(std::function<void(Connection&)> listener) {
    impl_->writer->on_commit(std::move(listener));
}

Status Database::back_up(const std::filesystem::path& to) {
    const auto attempt = fmt::format("back up the database to {}", to.string());
    const auto partial = std::filesystem::path(to.string() + ".partial");
    std::error_code ignored;
    std::filesystem::remove(partial, ignored);
    SG_TRY_ASSIGN(const auto from,
                  SqliteConnection::open(impl_->options.path, SqliteConnection::Mode::kRead));
    {
        SG_TRY(open_file(partial, O_RDWR | O_CREAT | O_EXCL, 0600));
        sqlite3* handle = nullptr;
        const int opened = sqlite3_open_v2(partial.c_str(),
                                           &handle,
                                           SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
                                               SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                                           nullptr);
        const std::unique_ptr<sqlite3, int (*)(sqlite3*)> target(handle, sqlite3_close_v2);
        if (opened != SQLITE_OK)
            return Error{errc_of(opened), fmt::format("{}: {}", attempt, sqlite3_errstr(opened))};
        // All pages in one step are one state of the database; the writer goes on in its log.
        auto* copy = sqlite3_backup_init(handle, "main", from->handle(), "main");
        int code = copy == nullptr ? sqlite3_errcode(handle) : sqlite3_backup_step(copy, -1);
        if (const int finished = sqlite3_backup_finish(copy); code == SQLITE_DONE) code = finished;
        if (code != SQLITE_OK) {
            std::filesystem::remove(partial, ignored);
            return Error{errc_of(code), fmt::format("{}: {}", attempt, sqlite3_errstr(code))};
        }
    }
    std::error_code failed;
    std::filesystem::rename(partial, to, failed);
    if (failed) return errno_error(failed.value(), attempt);
    return sync_folder(to.parent_path().empty() ? "." : to.parent_path());
}

std::size_t Database::waiting() const {
    return impl_->writer->waiting();
}

}  // namespace sg::sql
