#include "dvr_observer.hpp"

#include <algorithm>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <live/dvr_index.hpp>

#include <packagers/live_hls.hpp>

#include "dvr_cleaning.hpp"
#include "dvr_track.hpp"

namespace sg::live {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;

/// What left a playlist is fetched for a while yet.
constexpr auto kBehindWindow = std::chrono::seconds(60);
/// Of an event, which may be published again from disk.
constexpr auto kKeepEvent = std::chrono::hours(24);
constexpr auto kCleanEvery = std::chrono::minutes(5);

std::int64_t micros(std::chrono::nanoseconds duration) {
    return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

}  // namespace

void ActiveFolders::add(const fs::path& folder) {
    const std::lock_guard lock(mutex_);
    folders_.insert(folder);
}

void ActiveFolders::remove(const fs::path& folder) {
    const std::lock_guard lock(mutex_);
    folders_.erase(folder);
}

bool ActiveFolders::contains(const fs::path& folder) const {
    const std::lock_guard lock(mutex_);
    return folders_.contains(folder);
}

bool ActiveFolders::any_in(const fs::path& channel) const {
    const std::lock_guard lock(mutex_);
    return std::any_of(folders_.begin(), folders_.end(), [&](const fs::path& folder) {
        return folder.parent_path() == channel;
    });
}

StoreParts::StoreParts(fs::path data, const DiskWriter::Limits& limits, const Clock& c, Metrics& m)
    : folder(std::move(data)),
      clock(c),
      metrics(m),
      health(c),
      disk(limits, m),
      clean_key_(disk.new_key()),
      next_clean_(c.now() + kCleanEvery) {}

void StoreParts::clean() {
    (void)disk.post(clean_key_, 0, [parts = shared_from_this()] {
        clean_store(parts->folder / "live", parts->active, parts->clock.wall());
    });
}

void StoreParts::clean_when_due() {
    const auto now = clock.now();
    auto due = next_clean_.load();
    if (now >= due && next_clean_.compare_exchange_strong(due, now + kCleanEvery)) clean();
}

std::chrono::seconds kept_on_disk(const ChannelSettings& settings) {
    const auto& output = settings.output;
    const auto media = output.event ? std::chrono::seconds(kKeepEvent) : output.dvr;
    return std::max(media, settings.keep_ended) + kBehindWindow;
}

DvrObserver::DvrObserver(Channel& channel, fs::path folder, std::shared_ptr<StoreParts> parts)
    : channel_(channel.weak_from_this()),
      home_(channel.home()),
      name_(channel.name()),
      epoch_folder_(folder / channel.epoch()),
      parts_(std::move(parts)),
      key_(parts_->disk.new_key()),
      state_writer_(parts_->states.of(folder)) {
    const auto& settings = channel.settings();
    const auto& before = channel.continuation();
    dvr_ = settings.output.event || settings.output.dvr.count() > 0;
    keep_us_ = settings.output.event ? 0 : micros(settings.output.dvr + kBehindWindow);
    state_.epoch = channel.epoch();
    state_.first_epoch = before.first_epoch.empty() ? state_.epoch : before.first_epoch;
    state_.next_number = before.next_number;
    state_.discontinuities = before.discontinuities;
    state_.end_date = before.not_before;
    state_.keep = kept_on_disk(settings);
    active_.push_back(epoch_folder_);
    if (settings.output.event) {
        // It lists all that earlier runs have made of it, however long ago.
        for (auto& epoch : dvr_epochs(folder))
            if (!epoch_before(epoch.filename(), state_.first_epoch) && epoch != epoch_folder_)
                active_.push_back(std::move(epoch));
    }
    for (const auto& epoch : active_) parts_->active.add(epoch);
    if (!dvr_) return;
    const MetricLabels labels{{"channel", name_}};
    written_bytes_ = parts_->metrics.counter(
        "streamgate_dvr_written_bytes_total", "Bytes of segments kept on disk.", labels);
    dropped_segments_ = parts_->metrics.counter(
        "streamgate_dvr_dropped_segments_total",
        "Segments that the disk did not take, because it was full or too slow.",
        labels);
}

DvrObserver::~DvrObserver() {
    for (const auto& epoch : active_) parts_->active.remove(epoch);
}

void DvrObserver::on_segment(std::size_t rendition,
                             const std::shared_ptr<const packagers::LiveSegment>& segment) {
    const auto& s = *segment;
    if (s.number >= state_.next_number) {
        state_.next_number = s.number + 1;
        state_.under_way = true;
        if (s.discontinuity) ++state_.discontinuities;
        if (s.date)
            state_.end_date = *s.date + std::chrono::microseconds(packagers::live_micros(
                                            s.duration, s.init->description.timescale));
        if (const auto channel = channel_.lock())
            state_.availability_start = channel->availability_start();
        write_state();
        parts_->clean_when_due();
    }
    if (dvr_ && !s.gap) store(rendition, segment);
}

void DvrObserver::store(std::size_t rendition,
                        const std::shared_ptr<const packagers::LiveSegment>& segment) {
    while (tracks_.size() <= rendition) {
        DvrTrackConfig config;
        config.folder = epoch_folder_;
        config.rendition = tracks_.size();
        config.keep_us = keep_us_;
        // Few files, and little kept for longer than it must be.
        config.file_us = keep_us_ == 0 ? micros(std::chrono::hours(1))
                                       : std::clamp(keep_us_ / 8,
                                                    micros(std::chrono::minutes(1)),
                                                    micros(std::chrono::hours(1)));
        tracks_.push_back(std::make_shared<DvrTrack>(std::move(config)));
    }
    auto task = [parts = parts_,
                 track = tracks_[rendition],
                 segment,
                 rendition,
                 &home = home_,
                 channel = channel_,
                 written = written_bytes_,
                 dropped = dropped_segments_] {
        auto where = track->append(*segment);
        parts->health.report(where ? Status() : Status(where.error()));
        if (!where) {
            dropped.add();
            return;
        }
        written.add(where->bytes);
        asio::post(home, [channel, rendition, number = segment->number, at = std::move(*where)] {
            if (const auto there = channel.lock()) there->stored(rendition, number, at);
        });
    };
    if (parts_->disk.post(key_, segment->bytes(), std::move(task))) return;
    dropped_segments_.add();
    parts_->health.too_slow(name_);
}

void DvrObserver::write_state() {
    state_.written = parts_->clock.wall();
    auto task = [parts = parts_, writer = state_writer_, state = state_] {
        parts->health.report(writer->write(state));
    };
    if (!parts_->disk.post(key_, 0, std::move(task)) && dvr_) dropped_segments_.add();
}

void DvrObserver::on_end(bool may_continue) {
    state_.under_way = false;
    state_.final = !may_continue;
    if (state_.next_number > 0) write_state();
}

}  // namespace sg::live
