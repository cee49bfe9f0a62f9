#include "encoder_factory.hpp"

#include <utility>

#include <live/encoder_child.hpp>

#include <base/log.hpp>
#include <presets/loader.hpp>

namespace sg::apps {

live::EncoderFactory encoder_factory(const Clock& clock, Metrics& metrics) {
    return [&clock, &metrics](const live::ChannelSettings& channel,
                              boost::asio::io_context& home,
                              live::EncoderOutput& output) {
        live::EncoderChildSettings settings;
        settings.channel = channel.name;
        settings.segment = channel.output.segment;
        settings.low_latency = channel.output.low_latency;
        // Without one the child refuses, and the channel says so each time it tries again.
        if (auto preset = presets::load_preset(channel.preset)) {
            settings.preset = presets::canonical_json(*preset);
        } else {
            log::error("live_preset channel={} error=\"{}\"", channel.name, preset.error().message);
        }
        return live::make_encoder_child(std::move(settings), home, output, clock, metrics);
    };
}

}  // namespace sg::apps
