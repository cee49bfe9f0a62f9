#include "json_writer.hpp"

#include <array>
#include <chrono>
#include <cmath>
#include <iterator>

#include <fmt/format.h>

#include <base/clock.hpp>

namespace sg::api {
namespace {

/// Length of the UTF-8 character (RFC 3629 §4) at `i`; 0 when there is none.
std::size_t character(std::string_view text, std::size_t i) {
    const auto byte = [&](std::size_t at) {
        return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U;
    };
    const auto tail = [&](std::size_t at) { return (byte(at) & 0xC0U) == 0x80U; };
    const unsigned lead = byte(i);
    if (lead < 0x80) return 1;
    if (lead >= 0xC2 && lead <= 0xDF) return tail(i + 1) ? 2 : 0;
    if (lead >= 0xE0 && lead <= 0xEF) {
        const unsigned second = byte(i + 1);
        const bool fits = (lead != 0xE0 || second >= 0xA0) && (lead != 0xED || second <= 0x9F);
        return fits && tail(i + 1) && tail(i + 2) ? 3 : 0;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        const unsigned second = byte(i + 1);
        const bool fits = (lead != 0xF0 || second >= 0x90) && (lead != 0xF4 || second <= 0x8F);
        return fits && tail(i + 1) && tail(i + 2) && tail(i + 3) ? 4 : 0;
    }
    return 0;
}

void quote(std::string& out, std::string_view text) {
    out += '"';
    std::size_t plain = 0;
    std::size_t i = 0;
    const auto replace = [&](std::string_view with, std::size_t bytes) {
        out.append(text.substr(plain, i - plain));
        out.append(with);
        i += bytes;
        plain = i;
    };
    while (i < text.size()) {
        const auto c = static_cast<unsigned char>(text[i]);
        if (c == '"') {
            replace("\\\"", 1);
        } else if (c == '\\') {
            replace("\\\\", 1);
        } else if (c == '\n') {
            replace("\\n", 1);
        } else if (c < 0x20) {
            replace(fmt::format("\\u{:04x}", c), 1);
        } else if (c < 0x80) {
            ++i;
        } else if (const auto bytes = character(text, i); bytes > 0) {
            i += bytes;
        } else {
            replace("\xEF\xBF\xBD", 1);
        }
    }
    out.append(text.substr(plain));
    out += '"';
}

}  // namespace

void JsonWriter::separate() {
    if (!first_) text_ += ',';
    first_ = false;
}

JsonWriter& JsonWriter::open(char bracket) {
    separate();
    text_ += bracket;
    first_ = true;
    return *this;
}

JsonWriter& JsonWriter::close(char bracket) {
    text_ += bracket;
    first_ = false;
    return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
    separate();
    quote(text_, name);
    text_ += ':';
    first_ = true;
    return *this;
}

JsonWriter& JsonWriter::value(std::string_view text) {
    separate();
    quote(text_, text);
    return *this;
}

JsonWriter& JsonWriter::value(double number) {
    constexpr double kLargest = 1e15;
    if (!std::isfinite(number) || std::abs(number) > kLargest) number = 0;
    separate();
    fmt::format_to(std::back_inserter(text_), "{}", std::round(number * 1000) / 1000);
    return *this;
}

JsonWriter& JsonWriter::time(jobs::Millis time) {
    if (time <= 0) return null();
    return value(rfc3339(Clock::Wall(std::chrono::milliseconds(time))));
}

JsonWriter& JsonWriter::raw(std::string_view json) {
    separate();
    text_.append(json.empty() ? "null" : json);
    return *this;
}

}  // namespace sg::api
