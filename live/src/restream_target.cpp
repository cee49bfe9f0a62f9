#include <charconv>

#include <live/channel.hpp>
#include <live/restreamer.hpp>

#include <base/log.hpp>
#include <protocols/rtmp_url.hpp>

#include "restream_rtmp.hpp"
#include "restream_srt.hpp"

namespace sg::live {
namespace {

Error bad_target(const char* why) {
    return {Errc::kInvalidArgument,
            std::string("an SRT target ") + why +
                "; it looks like srt://HOST:PORT?streamid=...&passphrase=..."};
}

template <class T>
bool take_number(std::string_view text, T& out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc{} && end == text.data() + text.size();
}

std::optional<std::string> percent_decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        unsigned value = 0;
        if (text.size() - i < 3) return std::nullopt;
        const auto digits = text.substr(i + 1, 2);
        const auto [end, error] =
            std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
        if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
        out += static_cast<char>(value);
        i += 2;
    }
    return out;
}

}  // namespace

Result<SrtTarget> parse_srt_target(std::string_view url) {
    constexpr std::string_view kScheme = "srt://";
    if (!url.starts_with(kScheme)) return bad_target("starts with srt://");
    url.remove_prefix(kScheme.size());
    const auto question = url.find('?');
    std::string_view query =
        question == std::string_view::npos ? std::string_view() : url.substr(question + 1);
    std::string_view authority = url.substr(0, question);
    authority = authority.substr(0, authority.find('/'));
    const auto colon = authority.rfind(':');
    SrtTarget out;
    if (colon == std::string_view::npos || !take_number(authority.substr(colon + 1), out.port) ||
        out.port == 0)
        return bad_target("needs a port");
    auto host = authority.substr(0, colon);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']')
        host = host.substr(1, host.size() - 2);
    if (host.empty()) return bad_target("needs a host");
    out.host = host;
    while (!query.empty()) {
        const auto amp = std::min(query.find('&'), query.size());
        const auto pair = query.substr(0, amp);
        query.remove_prefix(std::min(amp + 1, query.size()));
        const auto equals = std::min(pair.find('='), pair.size());
        const auto key = pair.substr(0, equals);
        const auto value = percent_decoded(pair.substr(std::min(equals + 1, pair.size())));
        if (!value) return bad_target("has a broken % escape");
        std::int64_t latency = 0;
        if (key == "streamid") {
            out.stream_id = *value;
        } else if (key == "passphrase") {
            out.passphrase = *value;
        } else if (key == "pbkeylen") {
            if (!take_number(*value, out.key_bytes))
                return bad_target("has a pbkeylen that is no number");
        } else if (key == "latency") {
            if (!take_number(*value, latency) || latency < 0 || latency > 60'000)
                return bad_target("has a latency that is not 0 to 60000 milliseconds");
            out.latency = std::chrono::milliseconds(latency);
        } else if (key == "mode") {
            if (*value != "caller") return bad_target("is called: mode is caller");
        } else if (!key.empty()) {
            return bad_target("takes streamid, passphrase, pbkeylen, latency and mode");
        }
    }
    return out;
}

Result<RestreamLinkFactory> restream_link_factory(const RestreamTarget& target,
                                                  boost::asio::io_context& home,
                                                  protocols::SrtService* srt) {
    if (target.url.starts_with("srt://")) {
        SG_TRY_ASSIGN(auto parsed, parse_srt_target(target.url));
        if (srt == nullptr)
            return Error{Errc::kInvalidArgument, "there is no SRT here: listen.srt is off"};
        return RestreamLinkFactory(
            [parsed = std::move(parsed), &home, srt]() -> Result<std::unique_ptr<RestreamLink>> {
                return std::unique_ptr<RestreamLink>(
                    std::make_unique<SrtRestreamLink>(home, *srt, parsed));
            });
    }
    SG_TRY_ASSIGN(auto parsed, protocols::parse_rtmp_url(target.url));
    return RestreamLinkFactory(
        [parsed = std::move(parsed), &home]() -> Result<std::unique_ptr<RestreamLink>> {
            return std::unique_ptr<RestreamLink>(std::make_unique<RtmpRestreamLink>(home, parsed));
        });
}

void observe_restream(Channel& channel,
                      const Clock& clock,
                      Metrics& metrics,
                      protocols::SrtService* srt) {
    for (const auto& target : channel.settings().restream) {
        auto factory = restream_link_factory(target, channel.home(), srt);
        if (!factory) {
            log::error("restream_refused channel={} target={} error=\"{}\"",
                       channel.name(),
                       target.name,
                       factory.error().message);
            continue;
        }
        channel.add_observer(std::make_unique<Restreamer>(std::string(channel.name()),
                                                          target.name,
                                                          std::move(*factory),
                                                          channel.home(),
                                                          clock,
                                                          metrics,
                                                          RestreamBackOff()));
    }
}

}  // namespace sg::live
