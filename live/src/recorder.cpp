#include "recorder.hpp"

#include <algorithm>

#include <base/log.hpp>
#include <packagers/live_hls.hpp>

namespace sg::live {
namespace {

/// A file stays open for renditions that are so many segments behind.
constexpr std::int64_t kBehind = 4;

bool by_disk(const Error& error) {
    return error.code == Errc::kIo || error.code == Errc::kNoSpace ||
           error.code == Errc::kPermission || error.code == Errc::kNotFound;
}

}  // namespace

Recorder::Recorder(std::string channel,
                   std::filesystem::path folder,
                   const RecordingSettings& settings,
                   std::shared_ptr<StoreParts> parts)
    : channel_(std::move(channel)),
      folder_(std::move(folder)),
      rotate_us_(std::chrono::microseconds(settings.rotate).count()),
      parts_(std::move(parts)),
      // Sessions of a channel may overlap: one ends on a slow disk when the next one begins.
      key_(DiskWriter::key_of(folder_.native())) {
    const MetricLabels labels{{"channel", channel_}};
    written_bytes_ = parts_->metrics.counter(
        "streamgate_recording_written_bytes_total", "Bytes of media recorded.", labels);
    dropped_segments_ = parts_->metrics.counter(
        "streamgate_recording_dropped_segments_total",
        "Segments missing in recordings, because the disk was full or too slow.",
        labels);
}

void Recorder::on_rendition(std::size_t rendition,
                            const std::shared_ptr<const packagers::LiveInit>& init) {
    current_[rendition] = init;
}

void Recorder::on_rendition_end(std::size_t rendition) {
    current_.erase(rendition);
}

bool Recorder::needs_other(const packagers::LiveSegment& segment) const {
    const File& file = files_.back();
    if (segment.number <= file.first_number) return false;
    if (next_file_ && segment.number >= *next_file_) return true;
    return segment.discontinuity && file.renditions != current_;
}

void Recorder::begin(const packagers::LiveSegment& segment) {
    File file;
    file.first_number = segment.number;
    file.origin_us = packagers::live_micros(segment.start, segment.init->description.timescale);
    file.renditions = current_;
    RecordingPlan plan;
    plan.folder = folder_;
    plan.begins = segment.date.value_or(parts_->clock.wall());
    plan.origin_us = file.origin_us;
    for (const auto& [rendition, init] : current_) {
        file.tracks[rendition] = plan.tracks.size();
        plan.tracks.push_back(init);
    }
    file.file = std::make_shared<RecordingFile>(std::move(plan), parts_->clock);
    files_.push_back(std::move(file));
    next_file_.reset();
}

void Recorder::on_segment(std::size_t rendition,
                          const std::shared_ptr<const packagers::LiveSegment>& segment) {
    const auto& s = *segment;
    if (s.gap) return;
    if (files_.empty() || needs_other(s)) begin(s);
    newest_ = std::max(newest_, s.number);
    const std::int64_t end_us =
        packagers::live_micros(s.start + s.duration, s.init->description.timescale);
    if (!next_file_ && end_us - files_.back().origin_us >= rotate_us_) next_file_ = newest_ + 1;
    for (auto file = files_.rbegin(); file != files_.rend(); ++file) {
        if (file->first_number > s.number) continue;
        if (const auto track = file->tracks.find(rendition); track != file->tracks.end())
            write(*file, track->second, segment);
        break;
    }
    while (files_.size() > 1 && newest_ > files_[1].first_number + kBehind) close_front();
}

void Recorder::write(const File& file,
                     std::size_t track,
                     const std::shared_ptr<const packagers::LiveSegment>& segment) {
    auto task = [parts = parts_,
                 out = file.file,
                 track,
                 segment,
                 channel = channel_,
                 written = written_bytes_,
                 dropped = dropped_segments_] {
        const auto status = out->append(track, *segment);
        if (status) {
            written.add(segment->bytes());
        } else {
            dropped.add();
        }
        if (!status && !by_disk(status.error()))
            log::warn("recording channel={} error=\"{}\"", channel, status.error().message);
        else
            parts->health.report(status);
    };
    if (parts_->disk.post(key_, segment->bytes(), std::move(task))) return;
    dropped_segments_.add();
    parts_->health.too_slow(channel_);
}

void Recorder::close_front() {
    // Refused only when the store stops, and then the file closes with its last reference.
    (void)parts_->disk.post(key_, 0, [file = files_.front().file] { file->close(); });
    files_.pop_front();
}

void Recorder::on_end(bool /*may_continue*/) {
    while (!files_.empty()) close_front();
}

}  // namespace sg::live
