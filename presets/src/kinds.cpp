#include "kinds.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <limits>
#include <numeric>
#include <string_view>

namespace sg::presets {

namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// Values that YAML readers turn into something else than text when they are not quoted.
bool looks_untyped(std::string_view text) {
    static constexpr std::array kWords{
        "true", "false", "yes", "no", "on", "off", "y", "n", "null", "~"};
    std::string lower(text);
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (std::find(kWords.begin(), kWords.end(), lower) != kWords.end()) return true;
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return is_digit(c) || c == '.' || c == '-' || c == '+' || c == '_' || c == ':';
    });
}

std::string shown(std::string_view text) {
    constexpr std::size_t kLongest = 60;
    std::string out = "\"";
    for (const char c : text.substr(0, kLongest)) {
        out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
    if (text.size() > kLongest) out += "...";
    return out + "\"";
}

/// Digits with no leading zero and no overflow.
std::optional<std::int64_t> parse_digits(std::string_view text) {
    if (text.empty() || text.size() > 18 || !std::all_of(text.begin(), text.end(), is_digit)) {
        return std::nullopt;
    }
    if (text.size() > 1 && text[0] == '0') return std::nullopt;
    std::int64_t value = 0;
    for (const char c : text) value = value * 10 + (c - '0');
    return value;
}

struct Scaled {
    std::int64_t value;
    std::int64_t scale;  ///< a power of ten
};

/// "12", "12.5", "12.345": at most `max_decimals` of them.
std::optional<Scaled> parse_decimal(std::string_view text, std::size_t max_decimals) {
    const std::size_t dot = text.find('.');
    const auto whole = parse_digits(text.substr(0, dot));
    if (!whole || *whole > 100'000'000'000) return std::nullopt;
    if (dot == std::string_view::npos) return Scaled{*whole, 1};
    const std::string_view tail = text.substr(dot + 1);
    if (tail.empty() || tail.size() > max_decimals ||
        !std::all_of(tail.begin(), tail.end(), is_digit)) {
        return std::nullopt;
    }
    Scaled out{*whole, 1};
    for (const char c : tail) {
        out.value = out.value * 10 + (c - '0');
        out.scale *= 10;
    }
    return out;
}

bool has_leading_zero(std::string_view text) {
    return text.size() > 1 && text[0] == '0' && std::all_of(text.begin(), text.end(), is_digit);
}

struct Suffix {
    std::string_view name;
    std::int64_t factor;
};

std::vector<Suffix> suffixes(Quantity::Unit unit) {
    switch (unit) {
        case Quantity::Unit::kBits:
            return {{"", 1}, {"k", 1000}, {"M", 1'000'000}};
        case Quantity::Unit::kBytes:
            return {{"", 1},
                    {"kB", 1000},
                    {"MB", 1'000'000},
                    {"GB", 1'000'000'000},
                    {"KiB", 1LL << 10},
                    {"MiB", 1LL << 20},
                    {"GiB", 1LL << 30},
                    {"TiB", 1LL << 40}};
        case Quantity::Unit::kMilliseconds:
            return {{"ms", 1}, {"s", 1000}, {"min", 60'000}, {"h", 3'600'000}};
    }
    return {};
}

const char* how_written(Quantity::Unit unit) {
    switch (unit) {
        case Quantity::Unit::kBits:
            return "bits, as in 4500k, 4.5M or 128000";
        case Quantity::Unit::kBytes:
            return "bytes, as in 64GiB, 500MB or 1048576";
        case Quantity::Unit::kMilliseconds:
            return "a time with its unit, as in 2s, 2.5s, 500ms, 10min or 48h";
    }
    return "";
}

std::string as_written(Quantity::Unit unit, std::int64_t value) {
    if (unit == Quantity::Unit::kMilliseconds) {
        if (value % 3'600'000 == 0) return fmt::format("{}h", value / 3'600'000);
        if (value % 60'000 == 0) return fmt::format("{}min", value / 60'000);
        return value % 1000 == 0 ? fmt::format("{}s", value / 1000) : fmt::format("{}ms", value);
    }
    if (unit == Quantity::Unit::kBytes) {
        return value % (1LL << 20) == 0 ? fmt::format("{}MiB", value >> 20)
                                        : fmt::format("{}", value);
    }
    if (value % 1'000'000 == 0) return fmt::format("{}M", value / 1'000'000);
    return value % 1000 == 0 ? fmt::format("{}k", value / 1000) : fmt::format("{}", value);
}

std::string hundredths_text(std::int64_t value) {
    if (value % 100 == 0) return fmt::format("{}", value / 100);
    if (value % 10 == 0) return fmt::format("{}.{}", value / 100, value % 100 / 10);
    return fmt::format("{}.{:02}", value / 100, value % 100);
}

std::optional<Fraction> parse_rate(std::string_view text) {
    constexpr std::int64_t kMost = 1000;
    Fraction rate;
    if (const std::size_t slash = text.find('/'); slash != std::string_view::npos) {
        const auto num = parse_digits(text.substr(0, slash));
        const auto den = parse_digits(text.substr(slash + 1));
        if (!num || !den) return std::nullopt;
        rate = Fraction{*num, *den};
    } else {
        const auto decimal = parse_decimal(text, 3);
        if (!decimal) return std::nullopt;
        rate = Fraction{decimal->value, decimal->scale};
        // The broadcast rates are spoken of with two or three decimals, but are n*1000/1001.
        for (const std::int64_t nominal : {24, 30, 48, 60, 120}) {
            const std::int64_t exact = nominal * 1'000'000'000 / 1001;  // in millionths
            const std::int64_t meant = decimal->value * 1'000'000 / decimal->scale;
            const std::int64_t unit = 1'000'000 / decimal->scale;
            if (decimal->scale >= 100 && meant <= exact + unit / 2 && meant >= exact - unit) {
                rate = Fraction{nominal * 1000, 1001};
            }
        }
    }
    if (rate.num <= 0 || rate.den <= 0 || rate.num > 1'000'000'000 || rate.den > 1'000'000 ||
        rate.num > kMost * rate.den || rate.num * 10 < rate.den) {
        return std::nullopt;
    }
    const std::int64_t divisor = std::gcd(rate.num, rate.den);
    return Fraction{rate.num / divisor, rate.den / divisor};
}

std::string rate_text(const Fraction& rate) {
    return fmt::format("{}/{}", rate.num, rate.den);
}

bool is_identifier(std::string_view text) {
    const auto allowed = [](char c) {
        return is_digit(c) || is_letter(c) || c == '.' || c == '_' || c == '-';
    };
    return !text.empty() && (is_digit(text[0]) || is_letter(text[0])) &&
           std::all_of(text.begin(), text.end(), allowed);
}

bool is_language(std::string_view text) {
    // BCP 47 (RFC 5646 section 2.1) in shape only: 2 to 8 letters, then subtags.
    const std::size_t dash = text.find('-');
    const std::string_view primary = text.substr(0, dash);
    return primary.size() >= 2 && primary.size() <= 8 && text.back() != '-' &&
           std::all_of(primary.begin(), primary.end(), is_letter) &&
           std::all_of(text.begin(), text.end(), [](char c) {
               return is_digit(c) || is_letter(c) || c == '-';
           });
}

}  // namespace

MaybeFault scalar_fault(const Node& node) {
    switch (node.kind) {
        case Node::Kind::kScalar:
            return std::nullopt;
        case Node::Kind::kNull:
            return Fault{"has no value; give one or remove the key", {}};
        case Node::Kind::kSequence:
            return Fault{"must be a single value, not a list", {}};
        case Node::Kind::kMap:
            return Fault{"must be a single value, not a group of keys", {}};
    }
    return std::nullopt;
}

Fault not_accepted(const Node& node, std::vector<std::string> accepted) {
    std::string message = shown(node.text) + " is not accepted";
    if (const std::string near = nearest(node.text, accepted); !near.empty()) {
        message += "; did you mean " + near + "?";
    }
    return Fault{std::move(message), std::move(accepted)};
}

MaybeFault Flag::parse(const Node& node, Wire& out) const {
    if (auto fault = scalar_fault(node)) return fault;
    if (!node.quoted && (node.text == "true" || node.text == "false")) {
        out = node.text == "true";
        return std::nullopt;
    }
    return Fault{shown(node.text) + " is not accepted; write true or false, without quotes",
                 {"true", "false"}};
}

Json Flag::schema() const {
    return Json{{"type", "boolean"}};
}

MaybeFault Integer::parse(const Node& node, Wire& out) const {
    if (auto fault = scalar_fault(node)) return fault;
    const auto accepted = [this] { return fmt::format("a whole number from {} to {}", min, max); };
    if (has_leading_zero(node.text)) {
        return Fault{shown(node.text) + " has a leading zero, which YAML reads as octal; remove it",
                     {}};
    }
    const auto value = parse_digits(node.text);
    if (node.quoted && value) {
        return Fault{"must be " + accepted() + " without quotes", {}};
    }
    if (!value || *value < min || *value > max) {
        return Fault{shown(node.text) + " is not " + accepted(), {}};
    }
    out = *value;
    return std::nullopt;
}

Json Integer::schema() const {
    return Json{{"type", "integer"}, {"minimum", min}, {"maximum", max}};
}

MaybeFault Quantity::parse(const Node& node, Wire& out) const {
    if (auto fault = scalar_fault(node)) return fault;
    const auto refuse = [&](const std::string& why) {
        return Fault{fmt::format("{} {}; write {}", shown(node.text), why, how_written(unit)), {}};
    };
    if (has_leading_zero(node.text)) return refuse("has a leading zero, which YAML reads as octal");
    const std::size_t split = node.text.find_first_not_of("0123456789.");
    const std::string_view text = node.text;
    const auto number = parse_decimal(text.substr(0, split), 3);
    if (!number) return refuse("is not accepted");
    const std::string_view name =
        split == std::string::npos ? std::string_view{} : text.substr(split);
    for (const Suffix& suffix : suffixes(unit)) {
        if (suffix.name != name) continue;
        std::int64_t product = 0;
        if (__builtin_mul_overflow(number->value, suffix.factor, &product)) {
            return refuse("is too large");
        }
        if (product % number->scale != 0) return refuse("is finer than can be kept");
        product /= number->scale;
        if (product < min || product > max) {
            return Fault{fmt::format("{} is out of range: from {} to {}",
                                     shown(node.text),
                                     as_written(unit, min),
                                     as_written(unit, max)),
                         {}};
        }
        out = product;
        return std::nullopt;
    }
    return refuse(name.empty() ? "has no unit" : "has an unknown unit");
}

Json Quantity::encode(Wire value) const {
    if (unit == Unit::kMilliseconds) return fmt::format("{}ms", value);
    return value;
}

Json Quantity::schema() const {
    const Json text{
        {"type", "string"},
        {"pattern",
         unit == Unit::kMilliseconds ? "^[0-9]+(\\.[0-9]{1,3})?(ms|s|min|h)$"
         : unit == Unit::kBits       ? "^[0-9]+(\\.[0-9]{1,3})?[kM]?$"
                                     : "^[0-9]+(\\.[0-9]{1,3})?(kB|MB|GB|KiB|MiB|GiB|TiB)?$"}};
    if (unit == Unit::kMilliseconds) return text;
    return Json{{"anyOf", {{{"type", "integer"}, {"minimum", min}, {"maximum", max}}, text}}};
}

MaybeFault Hundredths::parse(const Node& node, Wire& out) const {
    if (auto fault = scalar_fault(node)) return fault;
    const auto number = parse_decimal(node.text, 2);
    const std::int64_t value = number ? number->value * (100 / number->scale) : -1;
    if (!number || value < min || value > max) {
        return Fault{fmt::format("{} is not a number from {} to {} with at most two decimals",
                                 shown(node.text),
                                 hundredths_text(min),
                                 hundredths_text(max)),
                     {}};
    }
    out = value;
    return std::nullopt;
}

Json Hundredths::encode(Wire value) const {
    return hundredths_text(value);
}

Json Hundredths::schema() const {
    return Json{{"anyOf",
                 {{{"type", "number"}, {"minimum", min / 100}, {"maximum", max / 100}},
                  {{"type", "string"}, {"pattern", "^[0-9]+(\\.[0-9]{1,2})?$"}}}}};
}

MaybeFault Rate::parse(const Node& node, Wire& out) const {
    if (auto fault = scalar_fault(node)) return fault;
    const auto rate = parse_rate(node.text);
    if (!rate) {
        return Fault{shown(node.text) +
                         " is not a frame rate from 1/10 to 1000; write 25, 29.97 or 30000/1001",
                     {}};
    }
    out = *rate;
    return std::nullopt;
}

Json Rate::encode(const Wire& value) const {
    return rate_text(value);
}

Json Rate::schema() const {
    return Json{{"anyOf",
                 {{{"type", "number"}, {"exclusiveMinimum", 0}, {"maximum", 1000}},
                  {{"type", "string"}, {"pattern", "^[0-9]+(\\.[0-9]{1,3}|/[0-9]+)?$"}}}}};
}

MaybeFault RatePolicy::parse(const Node& node, Wire& out) const {
    if (auto fault = scalar_fault(node)) return fault;
    if (node.text == "source") {
        out = FrameRatePolicy{};
        return std::nullopt;
    }
    const bool is_max = node.text.starts_with("max ");
    const auto rate = parse_rate(std::string_view(node.text).substr(is_max ? 4 : 0));
    if (!rate) {
        return Fault{shown(node.text) +
                         " is not accepted; write source, a bound as in max 60, or a fixed rate as "
                         "in 25 or 30000/1001",
                     {"source", "max RATE", "RATE"}};
    }
    out = FrameRatePolicy{is_max ? FrameRateMode::kMax : FrameRateMode::kFixed, *rate};
    return std::nullopt;
}

Json RatePolicy::encode(const Wire& value) const {
    switch (value.mode) {
        case FrameRateMode::kSource:
            return "source";
        case FrameRateMode::kMax:
            return "max " + rate_text(value.rate);
        case FrameRateMode::kFixed:
            return rate_text(value.rate);
    }
    return nullptr;
}

Json RatePolicy::schema() const {
    return Json{
        {"anyOf",
         {{{"type", "number"}, {"exclusiveMinimum", 0}, {"maximum", 1000}},
          {{"type", "string"}, {"pattern", "^(source|(max )?[0-9]+(\\.[0-9]{1,3}|/[0-9]+)?)$"}}}}};
}

MaybeFault Text::parse(const Node& node, Wire& out) const {
    if (auto fault = scalar_fault(node)) return fault;
    const bool must_be_quoted = rule == Rule::kIdentifier || rule == Rule::kFree;
    if (must_be_quoted && !node.quoted && looks_untyped(node.text)) {
        return Fault{fmt::format("{} is a number or truth value in YAML; write it in quotes",
                                 shown(node.text)),
                     {}};
    }
    if (node.text.size() > max_length) {
        return Fault{fmt::format("is longer than {} bytes", max_length), {}};
    }
    const bool has_control = std::any_of(node.text.begin(), node.text.end(), [](char c) {
        return static_cast<unsigned char>(c) < 0x20 && c != '\n';
    });
    if (has_control) return Fault{"holds control characters", {}};
    if ((rule == Rule::kIdentifier || rule == Rule::kSetting) && !is_identifier(node.text)) {
        return Fault{shown(node.text) +
                         " is not a name; use letters, digits, dot, dash and underscore, starting "
                         "with a letter or digit",
                     {}};
    }
    if (rule == Rule::kLanguage && !is_language(node.text)) {
        return Fault{shown(node.text) + " is not a language tag; write en, deu or pt-BR", {}};
    }
    if (rule == Rule::kCopyCodec) {
        const auto& codecs = copyable_audio_codecs();
        if (std::find(codecs.begin(), codecs.end(), node.text) == codecs.end()) {
            return not_accepted(node, codecs);
        }
    }
    out = node.text;
    return std::nullopt;
}

Json Text::schema() const {
    Json schema{{"type", "string"}, {"maxLength", max_length}};
    switch (rule) {
        case Rule::kIdentifier:
            schema["pattern"] = "^[A-Za-z0-9][A-Za-z0-9._-]*$";
            break;
        case Rule::kSetting:
            return Json{{"anyOf", {schema, {{"type", "number"}}}}};
        case Rule::kLanguage:
            schema["pattern"] = "^[A-Za-z]{2,8}(-[A-Za-z0-9]+)*$";
            break;
        case Rule::kCopyCodec:
            schema["enum"] = copyable_audio_codecs();
            break;
        case Rule::kFree:
            break;
    }
    return schema;
}

MaybeFault Languages::parse(const Node& node, Wire& out) const {
    constexpr Text kTag{Text::Rule::kLanguage, 35};
    constexpr std::size_t kMost = 64;
    if (node.kind == Node::Kind::kScalar && node.text == "all") {
        out.clear();
        return std::nullopt;
    }
    if (node.kind != Node::Kind::kSequence || node.items.empty() || node.items.size() > kMost) {
        return Fault{"must be the word all or a list of languages, as in [en, de]", {}};
    }
    Wire tags;
    for (const Node& item : node.items) {
        std::string tag;
        if (auto fault = kTag.parse(item, tag)) return fault;
        tags.push_back(std::move(tag));
    }
    out = std::move(tags);
    return std::nullopt;
}

Json Languages::encode(const Wire& value) const {
    return value.empty() ? Json("all") : Json(value);
}

Json Languages::schema() const {
    const Json list{{"type", "array"},
                    {"items", Text{Text::Rule::kLanguage, 35}.schema()},
                    {"minItems", 1},
                    {"maxItems", 64}};
    return Json{{"anyOf", {{{"type", "string"}, {"enum", Json::array({"all"})}}, list}}};
}

MaybeFault Options::parse(const Node& node, Wire& out) const {
    if (node.kind != Node::Kind::kMap) return Fault{"must be a group of option: value lines", {}};
    Wire options;
    for (const Node::Member& member : node.members) {
        if (auto fault = scalar_fault(member.value)) {
            return Fault{member.key + " " + fault->message, {}};
        }
        const std::string& text = member.value.text;
        const bool clean =
            !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
                return is_digit(c) || is_letter(c) || c == '.' || c == ',' || c == '+' ||
                       c == '-' || c == '_';
            });
        if (!clean) {
            return Fault{fmt::format("{}: {} is not an option value; use letters, digits and "
                                     "the marks . , + - _",
                                     member.key,
                                     shown(text)),
                         {}};
        }
        options[member.key] = text;
    }
    out = std::move(options);
    return std::nullopt;
}

Json Options::schema() const {
    return Json{{"type", "object"}, {"additionalProperties", {{"type", {"string", "number"}}}}};
}

}  // namespace sg::presets
