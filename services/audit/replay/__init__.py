"""The state built anew from the stored events, beside the one in use and while workers go on; and the way back."""
