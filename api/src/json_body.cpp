#include "json_body.hpp"

#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace sg::api {
namespace {

using nlohmann::json;

class Builder final : public nlohmann::json_sax<json> {
  public:
    explicit Builder(JsonLimits limits) : limits_(limits) {}

    [[nodiscard]] std::variant<json, Problem> take() {
        if (fault_) return std::move(*fault_);
        return std::move(root_);
    }

    bool null() override { return put(json()); }
    bool boolean(bool value) override { return put(json(value)); }
    bool number_integer(number_integer_t value) override { return put(json(value)); }
    bool number_unsigned(number_unsigned_t value) override { return put(json(value)); }
    bool number_float(number_float_t value, const string_t& text) override {
        // The lexer makes a double of an integer that does not fit.
        if (text.find_first_of(".eE") == string_t::npos) {
            return fail("number_out_of_range",
                        fmt::format("the integer {} does not fit 64 bits", text.substr(0, 40)));
        }
        return put(json(value));
    }
    bool string(string_t& value) override {
        if (value.find('\0') != string_t::npos) return fail("malformed_json", "text has U+0000");
        return put(json(std::move(value)));
    }
    bool binary(binary_t&) override { return fail("malformed_json", "binary value"); }

    bool start_object(std::size_t) override { return open(json::object()); }
    bool key(string_t& name) override {
        auto& object = *stack_.back();
        key_ = std::move(name);
        if (object.contains(key_)) return fail("duplicate_member", "the member is there twice");
        return true;
    }
    bool end_object() override { return close(); }
    bool start_array(std::size_t) override { return open(json::array()); }
    bool end_array() override { return close(); }

    bool parse_error(std::size_t position,
                     const std::string&,
                     const nlohmann::detail::exception& error) override {
        // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error ..."
        std::string_view reason = error.what();
        if (const auto at = reason.find("] "); at != std::string_view::npos) {
            reason.remove_prefix(at + 2);
        }
        // The library quotes what it read last, as long as it may be.
        reason = reason.substr(0, reason.find("; last read"));
        if (error.id == kNumberOverflow) {
            return fail("number_out_of_range", "a number is too large");
        }
        return fail("malformed_json",
                    fmt::format("the body is no JSON: {} (byte {})", reason, position));
    }

  private:
    static constexpr int kNumberOverflow = 406;

    bool fail(std::string_view code, std::string detail) {
        if (!fault_) fault_ = problem(code, std::move(detail), pointer());
        return false;
    }
    [[nodiscard]] std::string pointer() const {
        std::string out;
        for (std::size_t i = 0; i < stack_.size(); ++i) {
            const auto& at = *stack_[i];
            const bool last = i + 1 == stack_.size();
            if (at.is_array()) {
                // A container that is open was put in already, a value at fault was not.
                out += fmt::format("/{}", last ? at.size() : at.size() - 1);
            } else if (last ? !key_.empty() : true) {
                out += "/" + pointer_token(last ? key_ : keys_[i + 1]);
            }
        }
        return out;
    }
    json* place(json value) {
        if (stack_.empty()) {
            root_ = std::move(value);
            return &root_;
        }
        auto& parent = *stack_.back();
        if (parent.is_array()) {
            parent.push_back(std::move(value));
            return &parent.back();
        }
        return &(parent[key_] = std::move(value));
    }
    bool count() {
        return ++values_ <= limits_.max_values ||
               fail("json_too_large",
                    fmt::format("the body has more than {} values", limits_.max_values));
    }
    bool put(json value) {
        if (!count()) return false;
        place(std::move(value));
        return true;
    }
    bool open(json value) {
        if (!count()) return false;
        if (stack_.size() >= limits_.max_depth) {
            return fail(
                "json_too_deep",
                fmt::format("more than {} arrays and objects in each other", limits_.max_depth));
        }
        // Parents never grow while a child is open, so the pointers hold.
        auto* made = place(std::move(value));
        keys_.push_back(std::exchange(key_, {}));
        stack_.push_back(made);
        return true;
    }
    bool close() {
        stack_.pop_back();
        keys_.pop_back();
        key_.clear();
        return true;
    }

    JsonLimits limits_;
    json root_;
    std::vector<json*> stack_;
    std::vector<std::string> keys_;  ///< of each open container in its parent
    std::string key_;
    std::size_t values_ = 0;
    std::optional<Problem> fault_;
};

}  // namespace

std::string pointer_token(std::string_view name) {
    std::string out;
    for (const char c : name) {
        if (c == '~') {
            out += "~0";
        } else if (c == '/') {
            out += "~1";
        } else {
            out.push_back(c);
        }
    }
    return out;
}

std::variant<json, Problem> read_json(std::string_view text, JsonLimits limits) {
    Builder builder(limits);
    static_cast<void>(json::sax_parse(text.begin(), text.end(), &builder));
    return builder.take();
}

}  // namespace sg::api
