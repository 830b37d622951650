// SPDX-License-Identifier: Apache-2.0
// JSON, and where its keys and values stand in its text, which the parsed JSON does not tell.
//
// A value of an ordered JSON is found by counting, as the text has the same ones in the same order;
// one of any JSON, by its path. Nothing is kept for a text that is right.
#pragma once

#include <retinue/detail/file.hpp>    // in_quotes
#include <retinue/error.hpp>          // fail
#include <retinue/error_in_text.hpp>  // fail_at

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace retinue::detail {

using json = nlohmann::ordered_json;

/// What a message shows of a value: what is no longer than a line, or what it is.
template <class Json>
[[nodiscard]] std::string shown(const Json& value)
{
  if (value.is_object()) return "an object";
  if (value.is_string()) return in_quotes(value.template get_ref<const std::string&>());
  if (value.is_primitive() ||
      (value.size() <= 8 &&
       std::all_of(value.begin(), value.end(), [](const auto& v) { return v.is_number(); })))
    return value.dump();
  return "a list of " + std::to_string(value.size());
}

/// Where keys and values begin, each in the order of the text; an object or a list begins before
/// what is in it. Of a text that is no JSON, what can be told.
struct json_starts {
  std::vector<std::size_t> keys, values;
};

/// The end of what begins at `begin` and is no bracket: a text in quotes, a number, a word.
[[nodiscard]] inline std::size_t json_end(std::string_view text, std::size_t begin)
{
  if (text[begin] != '"')
    return std::min(text.find_first_of(" \t\r\n,:[]{}\"", begin), text.size());
  std::size_t at = begin + 1;
  while (at < text.size() && text[at] != '"') at += text[at] == '\\' ? 2 : 1;
  return std::min(at + 1, text.size());
}

[[nodiscard]] inline json_starts starts_in(std::string_view text)
{
  json_starts starts;
  std::size_t at = text.starts_with("\xEF\xBB\xBF") ? 3 : 0;  // a mark of UTF-8, which parsers skip
  while ((at = text.find_first_not_of(" \t\r\n,:]}", at)) != std::string_view::npos) {
    const std::size_t begin = at;
    const bool bracket = text[begin] == '{' || text[begin] == '[';
    at = bracket ? begin + 1 : json_end(text, begin);
    const std::size_t next = text.find_first_not_of(" \t\r\n", at);
    const bool key = text[begin] == '"' && next < text.size() && text[next] == ':';
    (key ? starts.keys : starts.values).push_back(begin);
  }
  return starts;
}

/// Where that begins which has a path, as "annotations[17].bbox", in a text that is JSON; of a key
/// that stands twice, the last one. Where there is no such thing, the nearest that it would be in.
[[nodiscard]] inline std::size_t json_place(std::string_view text, std::string_view path)
{
  constexpr std::string_view space = " \t\r\n";
  const auto after_space = [&](std::size_t at) { return text.find_first_not_of(space, at); };
  const auto after_value = [&](std::size_t at) {
    std::size_t depth = 0;
    do {
      const bool opens = text[at] == '{' || text[at] == '[';
      const bool closes = text[at] == '}' || text[at] == ']';
      depth += opens ? 1 : closes ? std::size_t(-1) : 0;
      at = opens || closes || text[at] == ',' || text[at] == ':' ? at + 1 : json_end(text, at);
      at = depth > 0 ? after_space(at) : at;
    } while (depth > 0);
    return at;
  };

  std::size_t place = after_space(text.starts_with("\xEF\xBB\xBF") ? 3 : 0);
  for (constexpr std::string_view between = ".[]";;) {
    path.remove_prefix(std::min(path.find_first_not_of(between), path.size()));
    const std::string_view step = path.substr(0, path.find_first_of(between));
    path.remove_prefix(step.size());
    if (step.empty() || (text[place] != '{' && text[place] != '[')) return place;
    const bool object = text[place] == '{';
    std::size_t found = text.npos, i = 0;
    for (std::size_t at = after_space(place + 1); text[at] != '}' && text[at] != ']'; ++i) {
      std::string_view key;
      if (object) {
        key = text.substr(at, json_end(text, at) - at);
        at = after_space(after_space(at + key.size()) + 1);  // behind the colon
      }
      if (object ? json::parse(key).get_ref<const std::string&>() == step
                 : std::to_string(i) == step)
        found = at;
      if (!object && found == at) break;
      at = after_space(after_value(at));
      if (text[at] == ',') at = after_space(at + 1);
    }
    if (found == text.npos) return place;
    place = found;
  }
}

/// A text, the JSON that it is, and the name that begins every message about it.
class json_text {
 public:
  /// Both must outlive this.
  json_text(std::string name, std::string_view text, const json& parsed)
      : name_(std::move(name)), text_(text), parsed_(parsed)
  {
  }

  /// Throws for a value, which is one of `parsed`.
  template <class... Parts>
  [[noreturn]] void refuse(const json& value, const Parts&... parts) const
  {
    fail_at(text_, starts_in(text_).values.at(counted(value).values), name_, parts...);
  }

  /// Throws for the key of a value, which is one of an object in `parsed`.
  template <class... Parts>
  [[noreturn]] void refuse_key(const json& value, const Parts&... parts) const
  {
    fail_at(text_, starts_in(text_).keys.at(counted(value).keys - 1), name_, parts...);
  }

  /// Throws for what has a path, as "anchors.levels[0].stride". Where the text says nothing of it,
  /// the nearest that it is in is shown; where there is none, nothing is.
  template <class... Parts>
  [[noreturn]] void refuse_path(const std::string& path, const Parts&... parts) const
  {
    const std::size_t nearest = json_place(text_, path);
    if (nearest == json_place(text_, "")) fail(name_, ": ", path, parts...);
    fail_at(text_, nearest, name_, path, parts...);
  }

 private:
  struct count {
    std::size_t keys = 0, values = 0;
  };

  /// How many keys and values stand before a value, its own key among them.
  [[nodiscard]] count counted(const json& value) const
  {
    count before;
    static_cast<void>(count_to(parsed_, &value, before));
    return before;
  }
  [[nodiscard]] static bool count_to(const json& from, const json* wanted, count& before)
  {
    if (&from == wanted) return true;
    ++before.values;
    if (!from.is_structured()) return false;
    for (const json& inner : from) {
      if (from.is_object()) ++before.keys;
      if (count_to(inner, wanted, before)) return true;
    }
    return false;
  }

  std::string name_;
  std::string_view text_;
  const json& parsed_;
};

/// Throws for a text that is no JSON, where a parser stopped at byte `at` or at the end of it. What
/// was read whole, but has no place there, is shown from its beginning; so is a word that is none.
[[noreturn]] inline void refuse_json(std::string_view text, std::size_t at,
                                     const std::string& where)
{
  const json_starts starts = starts_in(text);
  std::size_t begin = at;
  for (const auto* all : {&starts.keys, &starts.values})
    for (const std::size_t start : *all) {
      if (start >= at) break;
      if (text[start] == '{' || text[start] == '[') continue;
      const std::size_t end = json_end(text, start);
      const std::string_view word = text.substr(start, end - start);
      const bool no_word = std::string_view("\"-0123456789").find(word[0]) == word.npos &&
                           word != "true" && word != "false" && word != "null";
      if (at + 1 == end || (no_word && at <= end)) begin = start;
    }
  fail_at(text, begin, where, "this is not JSON, ",
          begin < text.size() ? "at " + in_quotes(text.substr(begin, 20)) : "it ends too early");
}

/// Takes all out of a value, the innermost first, and asks for no memory.
template <class Json>
void take_apart(Json& value) noexcept
{
  if (!value.is_structured()) return;
  for (Json& inner : value) take_apart(inner);
  value.clear();
}

/// A tree of JSON, no deeper than the stack. nlohmann_json's own destructor asks for memory to come
/// through a tree of any depth, and ends the process where there is none.
template <class Json>
class json_tree {
 public:
  json_tree() = default;
  json_tree(json_tree&& other) noexcept : root_(std::move(other.root_)) {}
  json_tree& operator=(json_tree&& other) noexcept
  {
    std::swap(root_, other.root_);
    return *this;
  }
  ~json_tree() { take_apart(root_); }

  [[nodiscard]] Json& operator*() { return root_; }
  [[nodiscard]] const Json& operator*() const { return root_; }
  [[nodiscard]] const Json* operator->() const { return &root_; }

 private:
  Json root_;
};

/// The member of an object that has a name, null where it had none. Of an ordered object
/// nlohmann_json makes room by copies of all that is in it; here they move.
template <class Json>
[[nodiscard]] Json& member_of(Json& object, const std::string& name)
{
  auto& members = object.template get_ref<typename Json::object_t&>();
  if constexpr (requires { members.capacity(); }) {
    if (members.size() == members.capacity()) {
      std::remove_reference_t<decltype(members)> roomy;
      roomy.reserve(2 * members.size() + 8);
      for (const auto& [known, value] : members) roomy.emplace_back(known, nullptr);
      auto to = roomy.begin();
      for (auto& [known, value] : members) std::swap((to++)->second, value);
      members.swap(roomy);
    }
  }
  return members[name];
}

/// What a text must keep to besides JSON's own rules.
struct json_rules {
  std::size_t deepest = 512;  ///< lists and objects in each other
  bool keys_once = false;     ///< in one object; else the last one counts
};

/// Builds a tree, as nlohmann_json's sax_parse calls it.
template <class Json>
class json_builder {
 public:
  /// All must outlive this.
  json_builder(Json& root, std::string_view text, const std::string& where, const json_rules& rules)
      : root_(root), text_(text), where_(where), rules_(rules)
  {
  }

  bool null() { return add(nullptr); }
  bool boolean(bool value) { return add(value); }
  bool number_integer(typename Json::number_integer_t value) { return add(value); }
  bool number_unsigned(typename Json::number_unsigned_t value) { return add(value); }
  bool number_float(typename Json::number_float_t value, const std::string&) { return add(value); }
  bool string(std::string& value) { return add(std::move(value)); }
  bool binary(typename Json::binary_t&) { return false; }  // no text has any
  bool start_object(std::size_t) { return open(Json::value_t::object); }
  bool start_array(std::size_t) { return open(Json::value_t::array); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool key(const std::string& name)
  {
    Json& object = *open_.back();
    if (rules_.keys_once && object.contains(name)) {
      const auto starts = starts_in(text_).keys;
      if (keys_ < starts.size())  // without a colon it is none, as the parser will say
        fail_at(text_, starts[keys_], where_, "the key ", in_quotes(name),
                " stands twice in one object");
    }
    ++keys_;
    next_ = &member_of(object, name);
    take_apart(*next_);
    return true;
  }
  template <class Problem>
  bool parse_error(std::size_t, const std::string&, const Problem& problem)
  {
    throw problem;
  }

 private:
  template <class Value>
  bool add(Value&& value)
  {
    static_cast<void>(place(std::forward<Value>(value)));
    return true;
  }
  bool open(typename Json::value_t kind)
  {
    if (open_.size() >= rules_.deepest)
      fail_at(text_, starts_in(text_).values.at(values_), where_, "this is nested deeper than ",
              rules_.deepest, " lists and objects");
    Json* const made = place(kind);
    open_.push_back(made);
    return true;
  }
  bool close()
  {
    open_.pop_back();
    return true;
  }
  template <class Value>
  Json* place(Value&& value)
  {
    ++values_;
    if (!open_.empty() && open_.back()->is_array())
      return &open_.back()->emplace_back(std::forward<Value>(value));
    Json& at = open_.empty() ? root_ : *next_;
    at = Json(std::forward<Value>(value));
    return &at;
  }

  Json& root_;
  std::string_view text_;
  const std::string& where_;
  json_rules rules_;
  std::vector<Json*> open_;  // the lists and objects that have not ended, outermost first
  Json* next_ = nullptr;     // of the key that was read last
  std::size_t keys_ = 0, values_ = 0;
};

/// The JSON that a text is. Throws `error_in_text` where it is none, has a number that no double
/// holds, or keeps not to the rules; `where` begins the message.
template <class Json>
[[nodiscard]] json_tree<Json> parse_json(std::string_view text, const std::string& where,
                                         const json_rules& rules = {})
{
  // The parser takes a zero byte for the end, whatever stands behind it.
  if (const auto zero = text.find('\0'); zero != text.npos) refuse_json(text, zero, where);
  json_tree<Json> tree;
  json_builder<Json> builder(*tree, text, where, rules);
  try {
    Json::sax_parse(text.begin(), text.end(), &builder);
  } catch (const typename Json::parse_error& e) {
    refuse_json(text, std::min(e.byte > 0 ? e.byte - 1 : 0, text.size()), where);
  } catch (const typename Json::out_of_range&) {
    for (const std::size_t at : starts_in(text).values) {
      const std::string word(text.substr(at, json_end(text, at) - at));
      if (word[0] != '"' && std::isinf(std::strtod(word.c_str(), nullptr)))
        fail_at(text, at, where, "this number is too large for any use");
    }
    throw;
  }
  return tree;
}

}  // namespace retinue::detail
