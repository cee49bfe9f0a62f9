#include <type_traits>
#include <utility>

#include <pipeline/item.hpp>

namespace sg::pipeline {

Item share(const Item& item) {
    return std::visit(
        [](const auto& held) -> Item {
            using Held = std::decay_t<decltype(held)>;
            if constexpr (std::is_same_v<Held, media::Packet> ||
                          std::is_same_v<Held, media::Frame>) {
                return held.share();
            } else {
                return held;
            }
        },
        item);
}

std::size_t item_bytes(const Item& item) {
    if (const auto* packet = std::get_if<media::Packet>(&item)) return packet->bytes();
    if (const auto* frame = std::get_if<media::Frame>(&item)) return frame->bytes();
    return 0;
}

std::int64_t item_time(const Item& item) {
    if (const auto* packet = std::get_if<media::Packet>(&item)) {
        return packet->dts() != media::kNoTime ? packet->dts() : packet->pts();
    }
    if (const auto* frame = std::get_if<media::Frame>(&item)) return frame->pts();
    return media::kNoTime;
}

bool carries_media(const Item& item) {
    return std::holds_alternative<media::Packet>(item) ||
           std::holds_alternative<media::Frame>(item);
}

}  // namespace sg::pipeline
