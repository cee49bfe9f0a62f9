#include "upload_service.hpp"

#include <chrono>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <jobs/job_table.hpp>
#include <sys/stat.h>

#include <base/file.hpp>
#include <base/log.hpp>

#include "on_pool.hpp"

namespace sg::api {
namespace {

using std::chrono::milliseconds;

constexpr std::chrono::seconds kSweepEvery{60};
constexpr std::int64_t kJobsPage = 1'000;

constexpr std::string_view kPrefix = "upl_";

}  // namespace

Uploads::Impl::Impl(sql::Database& store,
                    UploadOptions settings,
                    const Clock& time,
                    Metrics& metrics)
    : database(store),
      options(std::move(settings)),
      clock(time),
      pool(options.threads),
      received_bytes(
          metrics.counter("streamgate_upload_bytes_total", "Bytes of uploads that came.")),
      finished(metrics.counter(
          "streamgate_uploads_total", "Uploads that ended, by how.", {{"outcome", "finished"}})),
      expired(metrics.counter(
          "streamgate_uploads_total", "Uploads that ended, by how.", {{"outcome", "expired"}})) {}

Uploads::Impl::~Impl() {
    sweeper_.request_stop();
    sweeper_ = {};
    pool.join();
}

Millis Uploads::Impl::now() const {
    return std::chrono::duration_cast<milliseconds>(clock.wall().time_since_epoch()).count();
}

Status Uploads::Impl::start() {
    SG_TRY(make_folders(options.folder));
    SG_TRY(recover());
    SG_TRY(remove_strangers());
    sweeper_ = std::jthread([this](const std::stop_token& stop) { sweep_all(stop); });
    return {};
}

Uploads::Impl::Hold::~Hold() {
    const std::lock_guard lock(impl_.mutex_);
    const auto found = impl_.busy_.find(id_);
    found->second->exchange = nullptr;
    impl_.busy_.erase(found);
}

std::unique_ptr<Uploads::Impl::Hold> Uploads::Impl::hold(const std::string& id,
                                                         server::Exchange* exchange) {
    const std::lock_guard lock(mutex_);
    auto& session = busy_[id];
    if (session) {
        if (session->context != nullptr) {
            boost::asio::post(*session->context, [session] {
                if (session->exchange != nullptr) session->exchange->abort();
            });
        }
        return nullptr;
    }
    session = std::make_shared<Session>();
    if (exchange != nullptr) {
        session->context = &exchange->context();
        session->exchange = exchange;
    }
    return std::make_unique<Hold>(*this, id);
}

server::Task<Uploads::Impl::Received> Uploads::Impl::receive(server::Exchange& exchange,
                                                             UploadFile& file,
                                                             std::uint64_t max_bytes) {
    Received out;
    for (;;) {
        const auto part = co_await exchange.read_body(max_bytes);
        out.state = part.state;
        if (part.state != server::BodyPart::State::kBytes) break;
        received_bytes.add(part.bytes.size());
        auto writing =
            on_pool(pool, exchange, [&file, bytes = part.bytes] { return file.append(bytes); });
        out.written = co_await std::move(writing);
        if (!out.written) break;
    }
    if (out.written) {
        // Also of what came before the client was lost: it goes on from there.
        auto syncing = on_pool(pool, exchange, [&file, state = out.state] {
            return state == server::BodyPart::State::kEnd ? file.commit() : Status();
        });
        out.written = co_await std::move(syncing);
    }
    co_return out;
}

Status Uploads::Impl::finish(const Upload& upload, std::uint64_t bytes) {
    std::string digest = upload.sha256;
    if (!digest.empty()) {
        SG_TRY_ASSIGN(const auto actual, sha256_of_file(options.folder / upload.id));
        if (actual != digest) {
            SG_TRY(remove(upload.id));
            return Error{Errc::kMismatch,
                         fmt::format("the upload's SHA-256 is {}, not {}; it was removed, send it "
                                     "again",
                                     actual,
                                     digest)};
        }
    }
    SG_TRY(database.write_now([&](sql::Connection& db) {
        return finish_upload(db, upload.id, static_cast<std::int64_t>(bytes), digest, now());
    }));
    finished.add();
    log::info("upload_finished upload={} owner={} bytes={}", upload.id, upload.owner, bytes);
    return {};
}

Status Uploads::Impl::remove(const std::string& id) {
    SG_TRY(database.write_now([&](sql::Connection& db) { return remove_upload(db, id); }));
    return remove_upload_files(options.folder, id);
}

Status Uploads::Impl::admit(sql::Connection& db, const Upload& upload) const {
    SG_TRY_ASSIGN(const auto totals, upload_totals(db, upload.owner));
    if (totals.open >= options.open_per_owner) {
        return Error{Errc::kLimit,
                     fmt::format("{} uploads are open; finish or delete one", totals.open)};
    }
    if (options.bytes_per_owner == 0) return {};
    const bool unknown = upload.size == kUnknownSize;
    const auto known = totals.bytes + (unknown ? 0 : upload.size);
    const auto open_ended =
        static_cast<std::uint64_t>(totals.unknown + (unknown ? 1 : 0)) * most_of({});
    if (static_cast<std::uint64_t>(known) + open_ended > options.bytes_per_owner) {
        return Error{Errc::kLimit,
                     fmt::format("the owner's uploads may have {} bytes, and one of unknown length "
                                 "counts as the largest; delete some{}",
                                 options.bytes_per_owner,
                                 unknown ? ", or say the length" : "")};
    }
    return {};
}

std::uint64_t Uploads::Impl::most_of(const Upload& upload) const {
    if (upload.size != kUnknownSize) return static_cast<std::uint64_t>(upload.size);
    return options.bytes_per_owner > 0 ? std::min(options.max_bytes, options.bytes_per_owner)
                                       : options.max_bytes;
}

Result<bool> Uploads::Impl::needed(const Upload& upload) const {
    using jobs::JobState;
    const auto uri = fmt::format("\"upload:{}\"", upload.id);
    jobs::JobFilter filter;
    filter.owner = upload.owner;
    filter.states = {JobState::kAccepted,
                     JobState::kQueued,
                     JobState::kPlanning,
                     JobState::kRunning,
                     JobState::kVerifying,
                     JobState::kPublishing};
    filter.limit = kJobsPage;
    for (;;) {
        SG_TRY_ASSIGN(const auto reader, database.read());
        SG_TRY_ASSIGN(const auto page, jobs::list_jobs(*reader, filter));
        for (const auto& job : page) {
            if (job.document.find(uri) != std::string::npos) return true;
        }
        if (static_cast<std::int64_t>(page.size()) < kJobsPage) return false;
        filter.before_seq = page.back().seq;
    }
}

Millis Uploads::Impl::expires(const Upload& upload) const {
    struct stat info {};
    Millis active = upload.created;
    if (::stat((options.folder / upload.id).c_str(), &info) == 0) {
        active = std::max(active, Millis{info.st_mtime} * 1000);
    }
    return active + std::chrono::duration_cast<milliseconds>(options.expire).count();
}

Status Uploads::Impl::recover() {
    std::vector<Upload> open;
    {
        SG_TRY_ASSIGN(const auto reader, database.read());
        SG_TRY_ASSIGN(open, open_uploads(*reader));
    }
    for (const auto& upload : open) {
        if (upload.kind == "put") {
            SG_TRY(remove(upload.id));
            continue;
        }
        SG_TRY_ASSIGN(const auto bytes, stored_bytes(options.folder, upload.id));
        if (static_cast<std::int64_t>(bytes) != upload.size) continue;
        const auto status = finish(upload, bytes);
        if (!status) {
            log::warn(
                "upload_not_finished upload={} reason=\"{}\"", upload.id, status.error().message);
        }
    }
    return {};
}

/// Files whose row is gone: the service was killed between the two.
Status Uploads::Impl::remove_strangers() const {
    std::error_code error;
    for (std::filesystem::directory_iterator at(options.folder, error), end; !error && at != end;
         at.increment(error)) {
        const auto name = at->path().filename().string();
        const auto id = name.substr(0, name.find('.'));
        if (!id.starts_with(kPrefix)) continue;
        SG_TRY_ASSIGN(const auto reader, database.read());
        const auto row = find_upload(*reader, id, "");
        if (!row && row.error().code == Errc::kNotFound) {
            SG_TRY(remove_upload_files(options.folder, id));
        }
    }
    return {};
}

void Uploads::Impl::sweep_all(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
        lock.unlock();
        sweep();
        lock.lock();
        wake_.wait_for(lock, stop, kSweepEvery, [] { return false; });
    }
}

void Uploads::Impl::sweep() {
    std::vector<Upload> gone;
    {
        auto reader = database.read();
        if (!reader) return;
        if (auto open = open_uploads(**reader)) {
            for (auto& upload : *open) {
                if (expires(upload) < now()) gone.push_back(std::move(upload));
            }
        }
        const auto keep = std::chrono::duration_cast<milliseconds>(options.keep_finished).count();
        if (auto old = finished_before(**reader, now() - keep)) {
            for (auto& upload : *old) gone.push_back(std::move(upload));
        }
    }
    for (const auto& upload : gone) {
        const auto held = hold(upload.id, nullptr);
        if (!held) continue;
        if (upload.whole) {
            const auto wanted = needed(upload);
            if (!wanted || *wanted) continue;
        }
        const auto status = remove(upload.id);
        if (!status) {
            log::warn(
                "upload_not_removed upload={} reason=\"{}\"", upload.id, status.error().message);
            continue;
        }
        if (!upload.whole) expired.add();
        log::info(
            "upload_expired upload={} owner={} whole={}", upload.id, upload.owner, upload.whole);
    }
}

Uploads::Uploads(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Uploads::~Uploads() = default;

Result<std::unique_ptr<Uploads>> Uploads::open(sql::Database& database,
                                               UploadOptions options,
                                               const Clock& clock,
                                               Metrics& metrics) {
    auto impl = std::make_unique<Impl>(database, std::move(options), clock, metrics);
    SG_TRY(impl->start());
    return std::unique_ptr<Uploads>(new Uploads(std::move(impl)));
}

Result<bool> Uploads::is_whole(sql::Connection& db,
                               std::string_view owner,
                               std::string_view upload) {
    SG_TRY_ASSIGN(const auto found, find_upload(db, upload, owner));
    return found.whole;
}

Result<std::optional<std::filesystem::path>> Uploads::file_of(const std::string& upload,
                                                              const std::string& owner) const {
    SG_TRY_ASSIGN(const auto reader, impl_->database.read());
    SG_TRY_ASSIGN(const auto found, find_upload(*reader, upload, owner));
    if (!found.whole) return std::optional<std::filesystem::path>();
    return std::optional<std::filesystem::path>(impl_->options.folder / found.id);
}

void Uploads::add_to(ApiRouter& router) {
    add_tus_routes(*impl_, router);
    add_plain_upload_routes(*impl_, router);
}

}  // namespace sg::api
