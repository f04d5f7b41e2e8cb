-- What a basket earns, and why.
return function(settings, basket)
  local decision = { earnings = {}, findings = {} }
  local findings = decision.findings
  local function find(applied, rule, explanation)
    findings[#findings + 1] = { applied = applied, rule = rule, explanation = explanation }
  end
  local function contains(list, wanted)
    for i = 1, #list do
      if list[i] == wanted then return true end
    end
    return false
  end

  local amount, excluded = 0, false
  local lines, excluded_categories = basket.lines, settings.excluded_categories
  for i = 1, #lines do
    local line = lines[i]
    if contains(excluded_categories, line.category) then
      excluded = true
    else
      amount = amount + line.amount
    end
  end
  if excluded then find(true, "excluded-categories", "lines of excluded categories earn nothing") end
  if amount == 0 then
    find(false, "no-eligible-amount", "nothing in this order earns points")
    return decision
  end

  local candidates = {}
  for _, multiplier in ipairs(settings.weekday_multipliers) do
    if multiplier.weekday == basket.weekday then
      local percent = multiplier.percent
      candidates[#candidates + 1] = { "weekday-multiplier", percent, percent .. "% of the points today" }
    end
  end
  if #candidates == 0 then find(false, "weekday-multiplier", "no multiplier today") end
  local of_today = #candidates
  for _, multiplier in ipairs(settings.tag_multipliers) do
    if contains(basket.tags, multiplier.tag) then
      local percent = multiplier.percent
      candidates[#candidates + 1] = { "tag-multiplier", percent, percent .. "% of the points for " .. multiplier.tag }
    end
  end
  if #candidates == of_today then find(false, "tag-multiplier", "no multiplier for the tags of this member") end

  local highest
  for i, candidate in ipairs(candidates) do
    if not highest or candidate[2] > candidates[highest][2] then highest = i end
  end
  for i, candidate in ipairs(candidates) do
    if i == highest then
      find(true, candidate[1], candidate[3])
    else
      find(false, candidate[1], candidate[3] .. ", but another multiplier is higher")
    end
  end

  local percent = highest and candidates[highest][2] or 100
  local points = amount * settings.points * percent // (settings.per_amount * 100)
  if points == 0 then
    find(false, "points", "the amount is too small for a point")
    return decision
  end
  find(true, "points", points .. " points for this order")
  decision.earnings[1] = { unit = "points", amount = points }
  return decision
end
