#include "input_list.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>

#include <glob.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <base/file.hpp>
#include <ingest/spool.hpp>

namespace sg::apps {
namespace {

constexpr std::size_t kMaxListBytes = std::size_t{64} << 20;
constexpr std::size_t kMaxInputs = 1'000'000;
constexpr std::array<std::string_view, 3> kColumns{"input", "name", "preset"};

Error fault(const std::string& name, std::size_t line, const std::string& text) {
    return {Errc::kInvalidArgument, fmt::format("{}:{}: {}", name, line, text)};
}

/// One record of RFC 4180 text at a time.
class CsvReader {
  public:
    explicit CsvReader(std::string_view text) : text_(text) {
        if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);
    }

    /// False at the end.
    [[nodiscard]] Result<bool> next(std::vector<std::string>& fields, const std::string& name) {
        fields.clear();
        record_line_ = line_;
        if (text_.empty()) return false;
        while (true) {
            SG_TRY_ASSIGN(auto field, read_field(name));
            fields.push_back(std::move(field));
            if (fields.size() > kColumns.size()) {
                return fault(name, record_line_, "more fields than input,name,preset");
            }
            if (text_.empty()) return true;
            const char after = text_.front();
            text_.remove_prefix(1);
            if (after == ',') continue;
            ++line_;
            return true;
        }
    }
    [[nodiscard]] std::size_t line() const { return record_line_; }

  private:
    // Leaves the text at a comma, a line feed or its end.
    Result<std::string> read_field(const std::string& name) {
        std::string field;
        if (!text_.starts_with('"')) {
            const auto end = std::min(text_.find_first_of(",\n"), text_.size());
            field = text_.substr(0, end);
            text_.remove_prefix(end);
            if (field.ends_with('\r')) field.pop_back();
            return field;
        }
        text_.remove_prefix(1);
        while (true) {
            const auto quote = text_.find('"');
            if (quote == std::string_view::npos) {
                return fault(name, record_line_, "a quoted field is not closed");
            }
            line_ += static_cast<std::size_t>(std::count(
                text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(quote), '\n'));
            field += text_.substr(0, quote);
            text_.remove_prefix(quote + 1);
            if (!text_.starts_with('"')) break;
            field += '"';
            text_.remove_prefix(1);
        }
        if (text_.starts_with('\r')) text_.remove_prefix(1);
        if (!text_.empty() && text_.front() != ',' && text_.front() != '\n') {
            return fault(name, record_line_, "text follows a quoted field; put a comma between");
        }
        return field;
    }

    std::string_view text_;
    std::size_t line_ = 1;
    std::size_t record_line_ = 1;
};

bool is_blank(const std::vector<std::string>& fields) {
    return fields.size() == 1 && fields.front().find_first_not_of(" \t") == std::string::npos;
}

Result<engine::JobInput> input_from_json(const std::string& line,
                                         const std::string& name,
                                         std::size_t number) {
    const auto object = nlohmann::json::parse(line, nullptr, false);
    if (!object.is_object()) {
        return fault(name, number, R"(not a JSON object such as {"input": "film.mov"})");
    }
    engine::JobInput input;
    for (const auto& [key, value] : object.items()) {
        if (key == "set" && value.is_object()) {
            for (const auto& [field, setting] : value.items()) {
                input.overrides[field] =
                    setting.is_string() ? setting.get<std::string>() : setting.dump();
            }
            continue;
        }
        if (std::ranges::find(kColumns, key) == kColumns.end() || !value.is_string()) {
            return fault(
                name,
                number,
                fmt::format("'{}' is not accepted; accepted are the strings {} and the object set",
                            key,
                            fmt::join(kColumns, ", ")));
        }
        auto text = value.get<std::string>();
        if (key == "input") input.uri = std::move(text);
        if (key == "name") input.name = std::move(text);
        if (key == "preset") input.preset = std::move(text);
    }
    if (input.uri.empty()) return fault(name, number, "'input' is missing");
    return input;
}

}  // namespace

Result<std::vector<engine::JobInput>> parse_csv_list(std::string_view text,
                                                     const std::string& name) {
    CsvReader reader(text);
    std::vector<std::string> header;
    SG_TRY_ASSIGN(const bool any, reader.next(header, name));
    if (!any || std::ranges::find(header, "input") == header.end()) {
        return fault(name, 1, "the first line must name the columns: input[,name][,preset]");
    }
    for (const auto& column : header) {
        if (std::ranges::find(kColumns, column) == kColumns.end() ||
            std::ranges::count(header, column) > 1) {
            return fault(name,
                         1,
                         fmt::format("column '{}' is not accepted here; accepted once each: {}",
                                     column,
                                     fmt::join(kColumns, ", ")));
        }
    }

    std::vector<engine::JobInput> inputs;
    std::vector<std::string> fields;
    while (true) {
        SG_TRY_ASSIGN(const bool more, reader.next(fields, name));
        if (!more) break;
        if (is_blank(fields)) continue;
        if (fields.size() != header.size()) {
            return fault(
                name,
                reader.line(),
                fmt::format("{} fields, the header names {}", fields.size(), header.size()));
        }
        engine::JobInput input;
        for (std::size_t i = 0; i < header.size(); ++i) {
            if (header[i] == "input") input.uri = fields[i];
            if (header[i] == "name") input.name = fields[i];
            if (header[i] == "preset" && !fields[i].empty()) input.preset = fields[i];
        }
        if (input.uri.empty()) return fault(name, reader.line(), "'input' is empty");
        if (inputs.size() == kMaxInputs)
            return fault(name, reader.line(), "more than a million inputs");
        inputs.push_back(std::move(input));
    }
    return inputs;
}

Result<std::vector<engine::JobInput>> parse_ndjson_list(std::string_view text,
                                                        const std::string& name) {
    std::vector<engine::JobInput> inputs;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const auto end = std::min(text.find('\n'), text.size());
        const std::string line(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
        SG_TRY_ASSIGN(auto input, input_from_json(line, name, number));
        if (inputs.size() == kMaxInputs) return fault(name, number, "more than a million inputs");
        inputs.push_back(std::move(input));
    }
    return inputs;
}

Result<std::vector<engine::JobInput>> load_input_list(const std::filesystem::path& path) {
    const auto ending = path.extension();
    const bool csv = ending == ".csv";
    if (!csv && ending != ".ndjson" && ending != ".jsonl") {
        return Error{Errc::kInvalidArgument,
                     fmt::format("read manifest {}: its name must end in .csv, .ndjson or .jsonl",
                                 path.string())};
    }
    SG_TRY_ASSIGN(const auto text, read_file(path, kMaxListBytes));
    auto inputs =
        csv ? parse_csv_list(text, path.string()) : parse_ndjson_list(text, path.string());
    if (inputs && inputs->empty()) {
        return Error{Errc::kInvalidArgument,
                     fmt::format("read manifest {}: it names no input", path.string())};
    }
    return inputs;
}

std::vector<std::string> expand_globs(const std::vector<std::string>& words) {
    std::vector<std::string> expanded;
    for (const auto& word : words) {
        std::error_code unreadable;
        const bool pattern = word.find_first_of("*?[") != std::string::npos;
        glob_t found{};
        if (!pattern || std::filesystem::exists(word, unreadable) ||
            ingest::is_image_pattern(word) ||
            ::glob(word.c_str(), GLOB_TILDE, nullptr, &found) != 0) {
            expanded.push_back(word);
        } else {
            for (std::size_t i = 0; i < found.gl_pathc; ++i)
                expanded.emplace_back(found.gl_pathv[i]);
        }
        ::globfree(&found);
    }
    return expanded;
}

}  // namespace sg::apps
