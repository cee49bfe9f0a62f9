#include <packagers/live_ts.hpp>

namespace sg::packagers {
namespace {

std::vector<std::byte> joined(const LiveSegment* segment) {
    std::vector<std::byte> out;
    if (segment == nullptr) return out;
    out.reserve(segment->bytes());
    for (const LivePart& part : segment->parts)
        out.insert(out.end(), part.bytes->begin(), part.bytes->end());
    return out;
}

}  // namespace

Result<std::vector<LiveTsWriter::Made>> LiveTsWriter::add(
    std::size_t rendition, std::shared_ptr<const LiveSegment> segment) {
    std::vector<Made> out;
    if (rendition == main_)
        mains_.push_back(std::move(segment));
    else if (rendition == audio_)
        audios_.push_back(std::move(segment));
    while (!mains_.empty()) {
        const std::int64_t number = mains_.front()->number;
        while (!audios_.empty() && audios_.front()->number < number) audios_.pop_front();
        if (audio_ && audios_.empty()) break;
        const auto main = std::move(mains_.front());
        mains_.pop_front();
        const LiveSegment* audio = nullptr;
        if (audio_ && audios_.front()->number == number && !audios_.front()->gap)
            audio = audios_.front().get();
        if (main->gap && audio == nullptr) continue;
        SG_TRY_ASSIGN(SharedBytes bytes, make(*main, audio));
        out.push_back({number, std::move(bytes)});
    }
    return out;
}

/// A new writer when a configuration changes or appears; players expect a discontinuity there.
Status LiveTsWriter::prepare(const LiveSegment* main, const LiveSegment* audio) {
    const bool same_main = main == nullptr || main->init == main_init_;
    const bool same_audio = audio == nullptr || audio->init == audio_init_;
    if (writer_ && same_main && same_audio) return {};
    if (main != nullptr && !same_main) {
        SG_TRY_ASSIGN(main_track_, make_ts_track(*main->init->bytes, main->init->description));
        main_init_ = main->init;
    }
    if (audio != nullptr && !same_audio) {
        SG_TRY_ASSIGN(audio_track_, make_ts_track(*audio->init->bytes, audio->init->description));
        audio_init_ = audio->init;
    }
    const bool video = main_init_ && main_init_->description.type == TrackType::kVideo;
    std::vector<std::uint8_t> counters;
    if (writer_) counters = writer_->counters();
    SG_TRY_ASSIGN(writer_,
                  TsRenditionWriter::create(video ? main_track_ : std::nullopt,
                                            video ? audio_track_ : main_track_));
    // Some players take a step of the counters for loss, discontinuity or not. Refused when there
    // are more or fewer tracks than before.
    if (!counters.empty()) (void)writer_->set_counters(std::move(counters));
    return {};
}

Result<SharedBytes> LiveTsWriter::make(const LiveSegment& main, const LiveSegment* audio) {
    SG_TRY(prepare(&main, audio));
    const std::vector<std::byte> first = joined(&main);
    const std::vector<std::byte> second = joined(audio);
    const bool video = main_init_->description.type == TrackType::kVideo;
    if (video && !first.empty()) {
        SG_TRY_ASSIGN(const std::int64_t reorder, largest_reorder(*main_track_, first));
        if (reorder > main_track_->reorder) {
            // Deeper reordering than before: decode times move ahead by that much.
            main_track_->reorder = reorder;
            std::vector<std::uint8_t> counters = writer_->counters();
            SG_TRY_ASSIGN(writer_, TsRenditionWriter::create(main_track_, audio_track_));
            if (!writer_->set_counters(std::move(counters)))
                return Error{Errc::kInternal, "package a live transport stream: its counters"};
        }
    }
    SG_TRY_ASSIGN(
        TsSegment made,
        writer_->write_segment(
            main.number,
            video ? std::span<const std::byte>(first) : std::span<const std::byte>(),
            video ? std::span<const std::byte>(second) : std::span<const std::byte>(first)));
    return std::make_shared<const std::vector<std::byte>>(std::move(made.bytes));
}

}  // namespace sg::packagers
