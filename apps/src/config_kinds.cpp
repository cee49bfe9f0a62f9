#include "config_kinds.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include <boost/asio/ip/address.hpp>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <live/channel_registry.hpp>

#include <base/clock.hpp>
#include <protocols/http_client.hpp>

#include "listen_address.hpp"

namespace sg::apps {
namespace {

using presets::Node;

std::string shown(std::string_view text) {
    constexpr std::size_t kLongest = 60;
    std::string out = "\"";
    for (const char c : text.substr(0, kLongest))
        out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    return out + (text.size() > kLongest ? "...\"" : "\"");
}

MaybeConfigFault scalar_fault(const Node& node) {
    switch (node.kind) {
        case Node::Kind::kScalar:
            return std::nullopt;
        case Node::Kind::kNull:
            return ConfigFault{"has no value; give one or remove the key", {}};
        case Node::Kind::kSequence:
            return ConfigFault{"must be a single value, not a list", {}};
        case Node::Kind::kMap:
            return ConfigFault{"must be a single value, not a group of keys", {}};
    }
    return std::nullopt;
}

ConfigFault not_accepted(const Node& node, std::vector<std::string> accepted) {
    auto message = shown(node.text) + " is not accepted";
    if (const auto near = presets::nearest(node.text, accepted); !near.empty())
        message += "; did you mean " + near + "?";
    return ConfigFault{std::move(message), std::move(accepted)};
}

struct Unit {
    std::string_view name;
    std::int64_t factor;
};

/// "1.5s" with the factor of its unit, where the result is whole.
std::optional<std::int64_t> parse_quantity(std::string_view text, std::span<const Unit> units) {
    const auto split = std::min(text.find_first_not_of("0123456789."), text.size());
    double number = 0;
    const auto parsed =
        std::from_chars(text.data(), text.data() + split, number, std::chars_format::fixed);
    if (split == 0 || parsed.ec != std::errc() || parsed.ptr != text.data() + split)
        return std::nullopt;
    for (const auto& unit : units) {
        if (unit.name != text.substr(split)) continue;
        const auto value = number * static_cast<double>(unit.factor);
        if (value > 1e15 || std::abs(value - std::round(value)) > 1e-6) return std::nullopt;
        return static_cast<std::int64_t>(std::round(value));
    }
    return std::nullopt;
}

bool is_word(std::string_view text, std::string_view more) {
    return !text.empty() && text.size() <= 128 &&
           std::all_of(text.begin(), text.end(), [&](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      more.find(c) != std::string_view::npos;
           });
}

/// What is wrong with it, empty when nothing is.
std::string text_fault(TextKind::Rule rule, const std::string& text) {
    using Rule = TextKind::Rule;
    switch (rule) {
        case Rule::kListen:
            if (parse_listen_address("", text)) return {};
            return "is not ADDRESS:PORT (as 127.0.0.1:8080, [::1]:8080, :8080) or off";
        case Rule::kName:
            if (live::valid_channel_name(text)) return {};
            return "is not APPLICATION/NAME, each of letters, digits, '.', '_' and '-'";
        case Rule::kPattern:
            if (is_word(text, "._-*/") && std::count(text.begin(), text.end(), '/') == 1) return {};
            return "is not APPLICATION/NAME, in which * stands for any characters";
        case Rule::kWord:
            if (is_word(text, "_-")) return {};
            return "is not a name; use letters, digits, dash and underscore";
        case Rule::kPreset:
            return text.empty() ? "names no preset" : "";
        case Rule::kOrigin:
            if (text == "*") return {};
            if ((text.starts_with("https://") || text.starts_with("http://")) &&
                text.find('/', 8) == std::string::npos)
                return {};
            return "is not an origin; write https://example.com without a path, or *";
        case Rule::kAddress: {
            boost::system::error_code failed;
            static_cast<void>(boost::asio::ip::make_address(text, failed));
            return failed ? "is not a numeric address, as 10.0.0.7 or 2001:db8::7" : "";
        }
        case Rule::kUrl:
            return text.empty() ? "names nothing" : "";
        case Rule::kText:
            if (text.empty()) return "is empty";
            if (std::all_of(text.begin(), text.end(), [](char c) {
                    return static_cast<unsigned char>(c) >= 0x20 && c != 0x7F;
                }))
                return {};
            return "holds a control character";
        case Rule::kOwner:
            if (is_word(text, "_-.@:")) return {};
            return "is not an owner; use letters, digits and - _ . @ :";
    }
    return {};
}

}  // namespace

MaybeConfigFault FlagKind::parse(const Node& node, bool& out) const {
    if (auto fault = scalar_fault(node)) return fault;
    if (node.text == "true" || node.text == "false") {
        out = node.text == "true";
        return std::nullopt;
    }
    return ConfigFault{shown(node.text) + " is not accepted", {"true", "false"}};
}

KindFacts FlagKind::facts() {
    return {KindFacts::Type::kFlag, {}, {}, {}, {}};
}

MaybeConfigFault IntegerKind::read(const Node& node, std::int64_t& out) const {
    if (auto fault = scalar_fault(node)) return fault;
    const auto& text = node.text;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), out);
    if (parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() && out >= min &&
        out <= max)
        return std::nullopt;
    return ConfigFault{fmt::format("{} is not a whole number from {} to {}", shown(text), min, max),
                       {}};
}

KindFacts IntegerKind::facts() const {
    return {KindFacts::Type::kInteger, {}, {}, min, max};
}

MaybeConfigFault BytesKind::parse(const Node& node, std::size_t& out) const {
    if (auto fault = scalar_fault(node)) return fault;
    static constexpr std::array kUnits{
        Unit{"", 1}, Unit{"k", 1 << 10}, Unit{"M", 1 << 20}, Unit{"G", 1 << 30}};
    const auto value = parse_quantity(node.text, kUnits);
    if (!value)
        return ConfigFault{
            shown(node.text) + " is not a size; write 512k, 8M, 2G or a number of bytes", {}};
    if (static_cast<std::uint64_t>(*value) < min || static_cast<std::uint64_t>(*value) > max)
        return ConfigFault{
            fmt::format(
                "{} is out of range: from {} to {}", shown(node.text), show(min), show(max)),
            {}};
    out = static_cast<std::size_t>(*value);
    return std::nullopt;
}

std::string BytesKind::show(std::size_t value) {
    if (value % (1U << 30) == 0) return fmt::format("{}G", value >> 30);
    if (value % (1U << 20) == 0) return fmt::format("{}M", value >> 20);
    return value % 1024 == 0 ? fmt::format("{}k", value >> 10) : fmt::format("{}", value);
}

KindFacts BytesKind::facts() {
    return {KindFacts::Type::kText, "^[0-9]+(\\.[0-9]+)?[kMG]?$", {}, {}, {}};
}

MaybeConfigFault TimeKind::read(const Node& node,
                                bool whole_seconds,
                                std::chrono::milliseconds& out) const {
    if (auto fault = scalar_fault(node)) return fault;
    static constexpr std::array kUnits{Unit{"ms", 1},
                                       Unit{"s", 1000},
                                       Unit{"m", 60'000},
                                       Unit{"min", 60'000},
                                       Unit{"h", 3'600'000}};
    const auto value = node.text == "0" ? 0 : parse_quantity(node.text, kUnits);
    if (!value)
        return ConfigFault{
            shown(node.text) + " is not a time with its unit; write 500ms, 2s, 10m or 48h", {}};
    if (*value < min.count() || *value > max.count())
        return ConfigFault{
            fmt::format(
                "{} is out of range: from {} to {}", shown(node.text), show(min), show(max)),
            {}};
    if (whole_seconds && *value % 1000 != 0)
        return ConfigFault{shown(node.text) + " is not a whole number of seconds", {}};
    out = std::chrono::milliseconds(*value);
    return std::nullopt;
}

std::string TimeKind::show(std::chrono::milliseconds value) {
    const auto ms = value.count();
    if (ms != 0 && ms % 3'600'000 == 0) return fmt::format("{}h", ms / 3'600'000);
    if (ms != 0 && ms % 60'000 == 0) return fmt::format("{}m", ms / 60'000);
    return ms % 1000 == 0 ? fmt::format("{}s", ms / 1000) : fmt::format("{}ms", ms);
}

KindFacts TimeKind::facts() {
    return {KindFacts::Type::kText, "^([0-9]+(\\.[0-9]+)?(ms|s|m|min|h)|0)$", {}, {}, {}};
}

MaybeConfigFault InstantKind::parse(const Node& node, Instant& out) const {
    if (auto fault = scalar_fault(node)) return fault;
    auto text = node.text;
    if (text.size() == 10) text += "T00:00:00Z";
    if (text.size() > 10 && text[10] == ' ') text[10] = 'T';
    const auto time = parse_rfc3339(text);
    // Whole seconds, as the schema says.
    if (!time || text.find('.') != std::string::npos)
        return ConfigFault{
            shown(node.text) + " is not a time; write 2026-01-31T12:00:00Z, or a date 2026-01-31",
            {}};
    out = *time;
    return std::nullopt;
}

std::string InstantKind::show(const Instant& value) {
    if (!value) return {};
    return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                       std::chrono::time_point_cast<std::chrono::seconds>(*value));
}

KindFacts InstantKind::facts() {
    return {KindFacts::Type::kText,
            "^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9:]{8}(Z|[+-][0-9]{2}:[0-9]{2}))?$",
            {},
            {},
            {}};
}

MaybeConfigFault TextKind::parse(const Node& node, std::string& out) const {
    if (auto fault = scalar_fault(node)) return fault;
    if (node.text.size() > 2048) return ConfigFault{"is longer than 2048 bytes", {}};
    if (const auto fault = text_fault(rule, node.text); !fault.empty()) {
        const auto text = rule == Rule::kUrl ? protocols::printable_url(node.text) : node.text;
        return ConfigFault{shown(text) + " " + fault, {}};
    }
    out = node.text;
    return std::nullopt;
}

std::string TextKind::show(const std::string& value) const {
    return rule == Rule::kUrl ? protocols::printable_url(value) : value;
}

KindFacts TextKind::facts() const {
    KindFacts facts;
    switch (rule) {
        case Rule::kListen:
            facts.pattern = "^(off|.*:[0-9]{1,5})$";
            break;
        case Rule::kName:
            facts.pattern = "^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}/[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$";
            break;
        case Rule::kPattern:
            facts.pattern = "^[A-Za-z0-9._*-]+/[A-Za-z0-9._*-]+$";
            break;
        case Rule::kWord:
            facts.pattern = "^[A-Za-z0-9_-]+$";
            break;
        case Rule::kOwner:
            facts.pattern = "^[A-Za-z0-9_.@:-]+$";
            break;
        case Rule::kOrigin:
            facts.pattern = "^(\\*|https?://[^/]+)$";
            break;
        default:
            break;
    }
    return facts;
}

MaybeConfigFault PathKind::parse(const Node& node, std::filesystem::path& out) const {
    if (auto fault = scalar_fault(node)) return fault;
    if (node.text.empty()) return ConfigFault{"names no file", {}};
    out = node.text;
    return std::nullopt;
}

MaybeConfigFault PathKind::parse(const Node& node, std::string& out) const {
    std::filesystem::path path;
    auto fault = parse(node, path);
    if (!fault) out = path.string();
    return fault;
}

std::string PathKind::show(const std::filesystem::path& value) {
    return value.string();
}

KindFacts PathKind::facts() {
    return {};
}

MaybeConfigFault ChoiceKind::read(const Node& node, std::size_t& out) const {
    if (auto fault = scalar_fault(node)) return fault;
    const auto found = std::find(names.begin(), names.end(), node.text);
    if (found == names.end()) return not_accepted(node, {names.begin(), names.end()});
    out = static_cast<std::size_t>(found - names.begin());
    return std::nullopt;
}

KindFacts ChoiceKind::facts() const {
    return {KindFacts::Type::kText, {}, {names.begin(), names.end()}, {}, {}};
}

MaybeConfigFault SecretKind::parse(const Node& node, std::string& out) const {
    if (auto fault = scalar_fault(node)) return fault;
    if (auto fault = check(node.text)) return fault;
    out = node.text;
    return std::nullopt;
}

MaybeConfigFault SecretKind::check(std::string_view text) const {
    if (text.size() < min || text.size() > max)
        return ConfigFault{fmt::format("has {} bytes; it needs {} to {}", text.size(), min, max),
                           {}};
    const auto graphic = [](char c) { return static_cast<unsigned char>(c) > 0x20 && c != 0x7F; };
    if (!std::all_of(text.begin(), text.end(), graphic))
        return ConfigFault{"holds a space or control character", {}};
    return std::nullopt;
}

std::string yaml_scalar(const std::string& text) {
    static constexpr std::string_view kPlain = "-_./@+";
    const auto plain = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               kPlain.find(c) != std::string_view::npos;
    };
    if (!text.empty() && text.front() != '-' && std::all_of(text.begin(), text.end(), plain))
        return text;
    std::string quoted = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') quoted += '\\';
        quoted += c;
    }
    return quoted + "\"";
}

}  // namespace sg::apps
