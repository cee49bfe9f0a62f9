#include "api_channels.hpp"

#include <utility>

#include <fmt/format.h>

#include "channel_document.hpp"
#include "http_service.hpp"

namespace sg::apps {

ApiChannels::ApiChannels(const ServeSettings& settings,
                         LiveService& live,
                         const jobs::AllowedRoots& roots)
    : configured_(settings.channels),
      applications_(served_applications(settings)),
      live_(live),
      roots_(roots) {}

api::ChannelDraft ApiChannels::read(std::string_view name,
                                    std::string_view document,
                                    std::string_view before) const {
    auto draft = read_channel_document(name, document, before, roots_);
    const auto application = std::string(name.substr(0, name.find('/')));
    if (!applications_.contains(application))
        draft.faults.push_back(
            api::problem("not_allowed",
                         fmt::format("players are not answered below /{}/: use one of {}, or name "
                                     "a channel or template of it in the configuration file",
                                     application,
                                     fmt::join(applications_, ", "))));
    return draft;
}

std::string ApiChannels::show(const live::ChannelSettings& settings) const {
    return channel_as_json(settings);
}

std::vector<live::ChannelSettings> ApiChannels::configured() const {
    const std::scoped_lock lock(mutex_);
    return configured_;
}

void ApiChannels::apply(std::vector<live::ChannelSettings> running,
                        std::vector<std::string> stopped) {
    live_.set_extra({std::move(running), std::move(stopped)});
}

void ApiChannels::configure(const std::vector<live::ChannelSettings>& channels) {
    const std::scoped_lock lock(mutex_);
    configured_ = channels;
}

}  // namespace sg::apps
