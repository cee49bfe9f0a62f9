#include "live_sender.hpp"

#include <algorithm>
#include <utility>
#include <variant>

namespace sg::engine {
namespace {

/// So much is held back for a rendition that has not begun; then the others go without it.
constexpr std::size_t kHeldBytes = std::size_t{16} << 20;
constexpr std::size_t kHeldSamples = 600;

std::int64_t nanoseconds(std::int64_t time, media::Timebase timebase) {
    return media::rescale(time, timebase, media::kNanoseconds, media::Rounding::kNearest);
}

}  // namespace

LiveSender::LiveSender(UniqueFd socket) : channel_(std::move(socket), {}) {}

void LiveSender::begin(std::vector<LiveRenditionInfo> renditions,
                       std::int64_t origin_ns,
                       std::stop_token stop) {
    const std::lock_guard lock(mutex_);
    entries_.clear();
    for (auto& info : renditions) {
        Entry entry;
        entry.info = std::move(info);
        entries_.push_back(std::move(entry));
    }
    origin_ns_ = origin_ns;
    stop_ = std::move(stop);
    announced_ = false;
    held_.clear();
    held_bytes_ = 0;
}

Status LiveSender::send(std::string message) {
    return channel_.send(
        process::MessageType::kMedia, std::move(message), {}, {stop_, std::nullopt});
}

/// `all`: only when no rendition is missing.
Status LiveSender::announce(bool all) {
    LiveRenditions message;
    for (const auto& entry : entries_) {
        if (all && !entry.known && !entry.over) return {};
    }
    for (auto& entry : entries_) {
        if (!entry.known) continue;
        entry.number = message.renditions.size();
        entry.announced = true;
        message.renditions.push_back(entry.info);
    }
    if (message.renditions.empty()) return {};
    announced_ = true;
    SG_TRY(send(encode(message)));
    for (auto& held : std::exchange(held_, {})) {
        held.rendition = entries_[held.rendition].number;
        SG_TRY(send(encode(held)));
    }
    held_bytes_ = 0;
    return {};
}

Status LiveSender::described(std::size_t rendition, const media::StreamInfo& info) {
    const std::lock_guard lock(mutex_);
    auto& entry = entries_.at(rendition);
    entry.timebase = info.timebase;
    entry.info.extradata = info.extradata;
    // Codecs without such data are described by their first packet.
    entry.known = !info.extradata.empty();
    if (announced_ || !entry.known) return {};
    return announce(true);
}

Status LiveSender::sample(std::size_t rendition, const media::Packet& packet) {
    const std::lock_guard lock(mutex_);
    auto& entry = entries_.at(rendition);
    LiveEncodedSample sample;
    sample.rendition = rendition;
    sample.pts_ns = origin_ns_ + nanoseconds(packet.pts(), entry.timebase);
    sample.dts_ns = origin_ns_ + nanoseconds(packet.dts(), entry.timebase);
    sample.key = packet.key();
    sample.data.assign(packet.data().begin(), packet.data().end());
    if (announced_) {
        if (!entry.announced) return {};
        sample.rendition = entry.number;
        return send(encode(sample));
    }
    const bool first = !entry.known;
    if (first) {
        entry.info.extradata = sample.data;
        entry.known = true;
    }
    held_bytes_ += sample.data.size();
    held_.push_back(std::move(sample));
    const bool overdue = held_bytes_ > kHeldBytes || held_.size() > kHeldSamples;
    if (first || overdue) return announce(!overdue);
    return {};
}

Status LiveSender::dropped() {
    const std::lock_guard lock(mutex_);
    return send(encode(LiveDropped{}));
}

Status LiveSender::ended(std::size_t rendition) {
    const std::lock_guard lock(mutex_);
    entries_.at(rendition).over = true;
    if (announced_) return {};
    return announce(true);
}

Result<pipeline::Flow> LiveSinkStage::process(int, pipeline::Item item, pipeline::Emit&) {
    if (const auto* start = std::get_if<pipeline::StreamStart>(&item)) {
        SG_TRY(sender_.described(rendition_, *start->info));
    } else if (const auto* packet = std::get_if<media::Packet>(&item)) {
        SG_TRY(sender_.sample(rendition_, *packet));
    } else if (std::holds_alternative<pipeline::EndOfStream>(item)) {
        SG_TRY(sender_.ended(rendition_));
    }
    return pipeline::Flow::kContinue;
}

}  // namespace sg::engine
