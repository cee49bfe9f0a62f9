#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include <base/log.hpp>
#include <formats/adts.hpp>
#include <ingest/pulled_media.hpp>
#include <ingest/source.hpp>
#include <ingest/timed_reader.hpp>
#include <pipeline/packaged_codec.hpp>

namespace sg::ingest {
namespace {

using Steady = std::chrono::steady_clock;

/// Tracks that a file stores apart from each other are put in order over so much media time.
constexpr std::int64_t kReorderNs = 3'000'000'000;
constexpr std::size_t kReorderBytes = std::size_t{64} << 20;
constexpr std::int64_t kMostStepNs = 1'000'000'000;

class FileLoop {
  public:
    FileLoop(const std::filesystem::path& path, PulledMedia& media, std::stop_token stop)
        : path_(path), media_(media), stop_(std::move(stop)) {}

    Status run() {
        while (true) SG_TRY(play());
    }

  private:
    struct Track {
        PulledTrack described;
        media::Timebase timebase{1, 1};
        bool video = false;
        bool announced = false;
        bool has_config = false;
        std::int64_t last_dts_ns = 0;
    };
    struct Waiting {
        int stream = 0;
        TimedUnit unit;
    };

    Status play();
    Status open();
    void choose();
    [[nodiscard]] std::optional<TimedUnit> unit_of(const TimedReader::TimedPacket& timed,
                                                   Track& track);
    Status give_first();
    Status wait_until(std::int64_t at_ns);

    const std::filesystem::path path_;
    PulledMedia& media_;
    const std::stop_token stop_;
    std::unique_ptr<MediaInput> input_;
    std::map<int, Track> tracks_;  ///< by stream
    std::multimap<std::int64_t, Waiting> waiting_;
    std::size_t waiting_bytes_ = 0;
    std::optional<Steady::time_point> base_;
    std::int64_t offset_ns_ = 0;            ///< of this round
    std::optional<std::int64_t> start_ns_;  ///< of the file's own times
    std::int64_t end_ns_ = 0;
    bool first_round_ = true;
};

Status FileLoop::open() {
    OpenOptions options;
    options.path = path_;
    options.depth = Depth::kBrief;
    options.stop = stop_;
    SG_TRY_ASSIGN(input_, MediaInput::open(std::move(options)));
    if (tracks_.empty()) choose();
    if (tracks_.empty())
        return Error{Errc::kUnsupported,
                     fmt::format("loop {}: no track of it can be packaged; transcode it to H.264 "
                                 "and AAC first",
                                 path_.filename().string())};
    std::vector<int> streams;
    for (const auto& [stream, track] : tracks_) streams.push_back(stream);
    input_->select(streams);
    return {};
}

/// The best picture, and all sound.
void FileLoop::choose() {
    const auto& facts = input_->facts();
    const auto* video = facts.best_video();
    for (const auto& stream : facts.streams) {
        const bool is_video = &stream == video;
        if (!is_video && stream.type != media::MediaType::kAudio) continue;
        const auto codec = pipeline::packaged_codec(stream.codec);
        if (!codec) {
            log::warn("file_loop_track_left_out file={} stream={} codec={}",
                      facts.name,
                      stream.index,
                      stream.codec_detail);
            continue;
        }
        Track track;
        track.described.id = stream.index;
        track.described.codec = *codec;
        track.described.extradata = stream.info->extradata;
        if (stream.language_tag != "und") track.described.language = stream.language_tag;
        track.has_config = !track.described.extradata.empty();
        track.timebase = stream.timebase;
        track.video = is_video;
        tracks_.emplace(stream.index, std::move(track));
    }
}

std::optional<TimedUnit> FileLoop::unit_of(const TimedReader::TimedPacket& timed, Track& track) {
    const auto& packet = timed.packet;
    if (packet.pts() == media::kNoTime || packet.data().empty()) return std::nullopt;
    const auto ns = [&](std::int64_t ticks) {
        return media::rescale(
            ticks, track.timebase, media::kNanoseconds, media::Rounding::kNearest);
    };
    auto data = packet.data();
    if (track.described.codec == formats::Codec::kAac) {
        if (const auto adts = formats::parse_adts_header(data);
            adts && adts->frame_bytes == data.size() && adts->header_bytes < data.size()) {
            if (!track.has_config) {
                const auto config = adts->audio_specific_config();
                track.described.extradata.assign(config.begin(), config.end());
            }
            data = data.subspan(adts->header_bytes);
        }
    } else if (!track.has_config && (!track.video || packet.key())) {
        // Codecs that are described by what they begin with.
        track.described.extradata.assign(data.begin(), data.end());
    }
    track.has_config = !track.described.extradata.empty();
    if (!track.has_config) return std::nullopt;
    TimedUnit unit;
    unit.track = track.described.id;
    unit.pts_ns = ns(packet.pts());
    unit.dts_ns = packet.dts() == media::kNoTime ? unit.pts_ns : ns(packet.dts());
    unit.key = !track.video || packet.key();
    unit.data.assign(data.begin(), data.end());
    if (!start_ns_) start_ns_ = unit.dts_ns;
    // A last picture without a duration lasts as long as the one before.
    const auto step =
        packet.duration() > 0 ? ns(packet.duration()) : unit.dts_ns - track.last_dts_ns;
    track.last_dts_ns = unit.dts_ns;
    end_ns_ = std::max(end_ns_,
                       unit.pts_ns - *start_ns_ + std::clamp<std::int64_t>(step, 0, kMostStepNs));
    return unit;
}

Status FileLoop::play() {
    SG_TRY(open());
    TimedReader reader(*input_);
    const auto played_before = offset_ns_;
    end_ns_ = 0;
    while (true) {
        auto timed = reader.read();
        if (!timed) {
            if (timed.error().code != Errc::kEndOfStream) return timed.error();
            break;
        }
        const auto stream = timed->packet.stream();
        const auto found = tracks_.find(stream);
        if (found == tracks_.end()) continue;
        auto unit = unit_of(*timed, found->second);
        if (!unit) continue;
        // Priming comes once: later rounds continue the sound before.
        if (!first_round_ && !found->second.video && unit->pts_ns < *start_ns_) continue;
        const auto at = unit->dts_ns - *start_ns_ + offset_ns_;
        unit->pts_ns += offset_ns_ - *start_ns_;
        unit->dts_ns = at;
        waiting_bytes_ += unit->data.size();
        waiting_.emplace(at, Waiting{stream, std::move(*unit)});
        while (!waiting_.empty() &&
               (waiting_.rbegin()->first - waiting_.begin()->first > kReorderNs ||
                waiting_bytes_ > kReorderBytes))
            SG_TRY(give_first());
    }
    while (!waiting_.empty()) SG_TRY(give_first());
    offset_ns_ += end_ns_;
    first_round_ = false;
    if (offset_ns_ == played_before)
        return Error{Errc::kBadData,
                     fmt::format("loop {}: it holds no media", path_.filename().string())};
    return {};
}

Status FileLoop::give_first() {
    const auto first = waiting_.begin();
    const auto at = first->first;
    auto each = std::move(first->second);
    waiting_.erase(first);
    waiting_bytes_ -= each.unit.data.size();
    SG_TRY(wait_until(at));
    // All that are known at once, so that what follows begins with all of them.
    if (!tracks_.at(each.stream).announced) {
        for (auto& [stream, track] : tracks_) {
            if (!track.has_config || std::exchange(track.announced, true)) continue;
            SG_TRY(media_.on_track(track.described));
        }
    }
    return media_.on_unit(std::move(each.unit));
}

Status FileLoop::wait_until(std::int64_t at_ns) {
    const auto now = Steady::now();
    if (!base_) base_ = now - std::chrono::nanoseconds(at_ns);
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    never.wait_until(lock, stop_, *base_ + std::chrono::nanoseconds(at_ns), [] { return false; });
    if (stop_.stop_requested()) return Error{Errc::kCancelled, "loop a file: stopped"};
    return {};
}

}  // namespace

Status loop_file(const std::filesystem::path& path, PulledMedia& media, std::stop_token stop) {
    return FileLoop(path, media, std::move(stop)).run();
}

}  // namespace sg::ingest
