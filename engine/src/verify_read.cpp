#include "verify_read.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include <fmt/format.h>

#include "verify_decode.hpp"
#include "verify_media.hpp"

namespace sg::engine {
namespace {

/// A server that answers this many requests in a row with nothing is given up.
constexpr int kMaxDeadReads = 3;
constexpr unsigned kMaxThreads = 4;
constexpr std::chrono::milliseconds kReportEvery{200};

/// What the workers share with the caller's thread, which reports progress.
struct Meter {
    std::atomic<std::int64_t> segments{0};  ///< finished
    std::atomic<std::int64_t> work{0};      ///< anything done at all
    std::mutex mutex;
    std::condition_variable changed;
    std::size_t running = 0;
};

class TrackReading {
  public:
    TrackReading(const Fetcher& fetcher,
                 Track& track,
                 CheckBook& checks,
                 const VerifyOptions& options,
                 Meter& meter,
                 bool lenient)
        : fetcher_(fetcher), track_(track), checks_(checks), options_(options), meter_(meter) {
        if (!track.media) return;
        reader_ = track.transport_stream ? make_ts_reader(track, checks)
                                         : make_cmaf_reader(track, checks);
        if (options.mode == VerifyMode::kOff) return;
        decoder_ = std::make_unique<SegmentDecoder>(
            track, checks, options.mode == VerifyMode::kFull, options.stop, [&meter] {
                meter.work.fetch_add(1, std::memory_order_relaxed);
            });
        decoder_->set_lenient(lenient);
    }

    Status run();

  private:
    /// False when it is not there, which is then in the book.
    Result<bool> fetch(const std::string& name,
                       const std::optional<ByteRange>& range,
                       std::size_t max_bytes,
                       ObjectBytes& out);
    Status take_init(std::size_t index);
    Status take_segment(const SegmentRef& ref);

    const Fetcher& fetcher_;
    Track& track_;
    CheckBook& checks_;
    const VerifyOptions& options_;
    Meter& meter_;
    std::unique_ptr<SegmentReader> reader_;
    std::unique_ptr<SegmentDecoder> decoder_;
    std::optional<std::size_t> init_index_;
    bool usable_ = false;
    int dead_reads_ = 0;
    ObjectBytes init_;
    ObjectBytes bytes_;
};

Result<bool> TrackReading::fetch(const std::string& name,
                                 const std::optional<ByteRange>& range,
                                 std::size_t max_bytes,
                                 ObjectBytes& out) {
    auto status = fetcher_.read(name, range, max_bytes, out);
    checks_.checked(kind::kFilesPresent, track_.subject);
    if (status) {
        dead_reads_ = 0;
        return true;
    }
    const auto code = status.error().code;
    if (code == Errc::kCancelled) return status.error();
    if (code == Errc::kTimeout || code == Errc::kIo) ++dead_reads_;
    // A range past the end of its file is a segment cut short.
    checks_.fail(code == Errc::kMismatch ? kind::kStructure : kind::kFilesPresent,
                 track_.subject,
                 status.error().message);
    return false;
}

Status TrackReading::take_init(std::size_t index) {
    init_index_ = index;
    usable_ = false;
    const auto& ref = track_.inits[index];
    SG_TRY_ASSIGN(const bool there, fetch(ref.name, ref.range, kMaxInitBytes, init_));
    if (there && reader_ != nullptr) usable_ = reader_->start(ref, init_.span());
    return {};
}

Status TrackReading::take_segment(const SegmentRef& ref) {
    SG_TRY_ASSIGN(const bool there, fetch(ref.name, ref.range, kMaxSegmentBytes, bytes_));
    if (reader_ == nullptr) return {};
    if (!there || !usable_) {
        reader_->skip();
        return {};
    }
    reader_->read(ref, bytes_.span());
    const auto* stream = track_.main_stream();
    if (decoder_ == nullptr || stream == nullptr || !stream->segments.back().known) return {};
    return decoder_->decode(ref, init_.span(), bytes_.span());
}

Status TrackReading::run() {
    usable_ = track_.inits.empty();
    for (const auto& ref : track_.segments) {
        if (options_.stop.stop_requested()) return Error{Errc::kCancelled, "verify: stopped"};
        if (dead_reads_ >= kMaxDeadReads) {
            checks_.fail(kind::kFilesPresent,
                         track_.subject,
                         "the server does not answer any more: the rest was not read");
            return {};
        }
        if (!track_.inits.empty() && init_index_ != ref.init && ref.init < track_.inits.size())
            SG_TRY(take_init(ref.init));
        SG_TRY(take_segment(ref));
        meter_.segments.fetch_add(1, std::memory_order_relaxed);
        meter_.work.fetch_add(1, std::memory_order_relaxed);
    }
    return decoder_ != nullptr ? decoder_->finish() : Status();
}

std::set<std::string> copied_renditions(const pipeline::Plan* plan) {
    std::set<std::string> names;
    if (plan == nullptr) return names;
    for (const auto& r : plan->video.renditions) {
        if (r.mode == pipeline::RenditionMode::kCopy) names.insert(r.name);
    }
    for (const auto& r : plan->audio) {
        if (r.mode == pipeline::RenditionMode::kCopy) names.insert(r.name);
    }
    return names;
}

}  // namespace

Status read_tracks(VerifyRun& run, const VerifyOptions& options) {
    auto& tracks = run.presentation.tracks;
    std::vector<CheckBook> books(tracks.size());
    std::vector<Status> results(tracks.size());
    std::int64_t all = 0;
    for (const auto& t : tracks) all += static_cast<std::int64_t>(t.segments.size());
    const auto copied = copied_renditions(options.plan);
    Meter meter;
    std::atomic<std::size_t> next{0};
    const auto work = [&] {
        for (auto i = next.fetch_add(1); i < tracks.size(); i = next.fetch_add(1)) {
            TrackReading reading(
                run.fetcher,
                tracks[i],
                books[i],
                options,
                meter,
                copied.contains(tracks[i].rendition.substr(tracks[i].rendition.rfind('/') + 1)));
            results[i] = reading.run();
        }
        const std::lock_guard lock(meter.mutex);
        --meter.running;
        meter.changed.notify_one();
    };
    const auto wanted = options.threads > 0
                            ? static_cast<unsigned>(options.threads)
                            : std::clamp(std::thread::hardware_concurrency(), 1U, kMaxThreads);
    const auto count = std::min<std::size_t>(wanted, tracks.size());
    meter.running = count;
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < count; ++i) threads.emplace_back(work);

    std::int64_t reported = 0;
    while (true) {
        std::unique_lock lock(meter.mutex);
        const bool ended =
            meter.changed.wait_for(lock, kReportEvery, [&] { return meter.running == 0; });
        lock.unlock();
        const auto done = meter.work.load(std::memory_order_relaxed);
        if (options.progress && done != reported)
            options.progress(static_cast<double>(meter.segments.load(std::memory_order_relaxed)) /
                             static_cast<double>(std::max<std::int64_t>(1, all)));
        reported = done;
        if (ended) break;
    }
    threads.clear();
    for (std::size_t i = 0; i < tracks.size(); ++i) {
        if (!results[i]) return results[i];
        run.checks.append(books[i]);
    }
    return {};
}

}  // namespace sg::engine
